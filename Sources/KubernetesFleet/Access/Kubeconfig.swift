package import WindlassCore

/// What kubeconfig files say together: clusters, users, and contexts that join the two.
package struct Kubeconfig: Hashable, Sendable {
  /// Bytes that stand in the file itself or in another one.
  package enum Content: Hashable, Sendable {
    case data([UInt8])
    /// An absolute path, or one relative to the working directory.
    case file(String)
  }

  /// How a server is reached and recognised.
  package struct Cluster: Hashable, Sendable {
    package var server: String
    package var authorities: Content?
    package var skipsVerification = false
    package var proxy: Secret?
    /// A name to expect in the certificate instead of the URL's.
    package var serverName: String?
  }

  /// How one proves who one is.
  package struct User: Hashable, Sendable {
    package var certificate: Content?
    package var key: KeyContent?
    package var token: Secret?
    package var tokenFile: String?
    package var plugin: Plugin?
    /// What the user is configured with that Windlass does not do, in words.
    package var unsupported: String?

    package init() {}
  }

  /// A private key, which is not shown.
  package enum KeyContent: Hashable, Sendable {
    case data(Secret)
    case file(String)
  }

  /// A program that gives credentials.
  package struct Plugin: Hashable, Sendable {
    package var apiVersion: String
    /// A name to be found in PATH, or a path.
    package var command: String
    package var arguments: [String] = []
    /// Variables that it gets beside those of its surroundings.
    package var environment: [Variable] = []
    package var installHint: String?
    package var wantsClusterInfo = false
    /// `Never`, `IfAvailable` or `Always`.
    package var interactiveMode = "IfAvailable"
  }

  /// One variable of a plug-in; its value may be a secret.
  package struct Variable: Hashable, Sendable {
    package var name: String
    package var value: Secret
  }

  /// A cluster and a user that belong together.
  package struct Context: Hashable, Sendable {
    package var cluster: String
    package var user: String
    package var namespace: String?
  }

  package var currentContext: String?
  package var contexts: [String: Context] = [:]
  package var clusters: [String: Cluster] = [:]
  package var users: [String: User] = [:]

  package init() {}

  /// Adds what another file says; what is here already stays, as kubectl has it.
  package mutating func merge(_ other: Kubeconfig) {
    currentContext = currentContext ?? other.currentContext
    contexts.merge(other.contexts) { mine, _ in mine }
    clusters.merge(other.clusters) { mine, _ in mine }
    users.merge(other.users) { mine, _ in mine }
  }

  /// The files to read: those of `KUBECONFIG`, separated by colons, or the one of the home folder.
  package static func paths(environment: [String: String]) -> (paths: [String], areNamed: Bool) {
    let named = (environment["KUBECONFIG"] ?? "").split(separator: ":").map(String.init)
    if !named.isEmpty {
      var seen: Set<String> = []
      return (named.filter { seen.insert($0).inserted }, true)
    }
    return (environment["HOME"].map { ["\($0)/.kube/config"] } ?? [], false)
  }

  /// Reads and merges those of the files that exist.
  ///
  /// - Returns: nil when none of them does.
  package static func load(_ paths: [String]) throws(AccessError) -> Kubeconfig? {
    var merged: Kubeconfig?
    for path in paths where SmallFile.exists(path) {
      let bytes = try SmallFile.read(path, sizeMax: ClientBounds.configurationSizeMax)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw AccessError(.malformed, "The kubeconfig \(path) is not UTF-8 text.")
      }
      let one = try KubeconfigReader(file: path).read(text)
      if merged == nil { merged = one } else { merged?.merge(one) }
    }
    return merged
  }
}

extension Kubeconfig {
  /// A configuration of one cluster and of one user, who has a token.
  ///
  /// - Parameter server: scheme, host and port.
  package init(server: String, token: Secret) {
    var user = User()
    user.token = token
    self.init()
    currentContext = "only"
    contexts["only"] = Context(cluster: "only", user: "only", namespace: nil)
    clusters["only"] = Cluster(server: server)
    users["only"] = user
  }
}
