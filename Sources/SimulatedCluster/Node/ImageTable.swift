import Glibc

/// Which local files stand for which images.
package struct ImageTable: Sendable {
  private var paths: [String: String] = [:]

  /// A table without images.
  package init() {}

  /// Says that a file, which is then the program, or a folder stands for an image.
  ///
  /// - Parameter name: the image as pods name it, or without its tag and digest, for all of them.
  package mutating func add(_ name: String, _ path: String) { paths[name] = path }

  /// The path for an image: of just this reference, else of its name.
  func path(of image: String) -> String? { paths[image] ?? paths[Self.name(of: image)] }

  /// A reference without tag and digest.
  static func name(of image: String) -> String {
    let name = image.split(separator: "@", maxSplits: 1).first.map(String.init) ?? image
    guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return name }
    return String(name[..<colon])
  }

  /// The image's name with a digest: its own, or one that is made from the reference.
  static func identity(of image: String) -> String {
    if image.contains("@sha256:") { return "\(name(of: image))@\(image.split(separator: "@")[1])" }
    return "\(name(of: image))@sha256:\(digits(of: image))"
  }

  /// 64 hexadecimal digits that are the same for the same text.
  static func digits(of text: String) -> String {
    (0..<4).map { (part: UInt64) in
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325 &+ part
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
      let digits = String(hash, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// What is run when a container names no command: the file, or the folder's `entrypoint`.
  static func entryPoint(of path: String) -> String {
    SmallFiles.isFolder(path) ? "\(path)/entrypoint" : path
  }
}
