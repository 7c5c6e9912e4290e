package import WindlassCore

/// How a node runs its pods.
package struct NodeSettings: Sendable {
  /// The node's name.
  package var name: String
  /// Where its pods' files are: volumes, logs, claims.
  package var folder: String
  package var images = ImageTable()
  /// The second and third number of its pods' addresses in 127.0.0.0/8, on which they can listen
  /// without anybody's help.
  package var subnet: (UInt8, UInt8)
  package var mounts = MountWay.possible
  /// How long a container that ends again and again waits at first; then twice as long, and so on.
  package var crashDelay = Interval.seconds(10)
  /// Names the node's boot; another one says that nothing of before runs any more.
  package var bootID: String
  /// Labels of the node besides its name.
  package var labels: [String: String] = [:]

  package init(name: String, folder: String, subnet: (UInt8, UInt8), bootID: String? = nil) {
    self.name = name
    self.folder = folder
    self.subnet = subnet
    self.bootID = bootID ?? NodeSettings.randomIdentity()
  }

  /// A random uid.
  static func randomIdentity() -> String {
    let digits = (0..<32).map { _ in String(UInt8.random(in: 0..<16), radix: 16) }.joined()
    let ends = [8, 12, 16, 20, 32]
    var parts: [Substring] = []
    var rest = digits[...]
    var done = 0
    for end in ends {
      parts.append(rest.prefix(end - done))
      rest = rest.dropFirst(end - done)
      done = end
    }
    return parts.joined(separator: "-")
  }
}
