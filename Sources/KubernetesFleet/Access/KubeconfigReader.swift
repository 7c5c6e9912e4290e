import WindlassCore
import Yams

/// Reads one kubeconfig file; paths in it count from its folder.
///
/// Fields that are not known are passed over, as kubectl does: other tools keep theirs there.
struct KubeconfigReader {
  let file: String

  /// Reads the text of the file.
  func read(_ content: String) throws(AccessError) -> Kubeconfig {
    let root: Node?
    do {
      root = try Parser(yaml: content).singleRoot()
    } catch {
      // The error may quote the line, and the line may hold a token.
      throw malformed("it is not YAML\(line(of: error))")
    }
    var config = Kubeconfig()
    guard let root, root.tag.description != "tag:yaml.org,2002:null" else { return config }
    guard let top = root.mapping else { throw malformed("it is no mapping") }
    if let version = text(top["apiVersion"]), version != "v1" {
      throw malformed("its apiVersion is not v1")
    }
    config.currentContext = text(top["current-context"])
    for (name, node) in try entries(top["clusters"], "cluster") {
      if config.clusters[name] == nil { config.clusters[name] = try cluster(name, node) }
    }
    for (name, node) in try entries(top["users"], "user") {
      if config.users[name] == nil { config.users[name] = try user(name, node) }
    }
    for (name, node) in try entries(top["contexts"], "context") {
      guard config.contexts[name] == nil else { continue }
      guard let cluster = text(node["cluster"]) else {
        throw malformed("the context \"\(name)\" names no cluster")
      }
      config.contexts[name] = Kubeconfig.Context(
        cluster: cluster, user: text(node["user"]) ?? "", namespace: text(node["namespace"]))
    }
    return config
  }

  /// The named elements of one list: `{name: …, KEY: {…}}`.
  private func entries(
    _ node: Node?, _ key: String
  ) throws(AccessError) -> [(String, Node.Mapping)] {
    guard let node, node.tag.description != "tag:yaml.org,2002:null" else { return [] }
    guard let list = node.sequence else { throw malformed("\(key)s is no list") }
    var found: [(String, Node.Mapping)] = []
    for element in list {
      guard let name = text(element["name"]) else {
        throw malformed("an element of \(key)s has no name")
      }
      // A user without anything to say is one without credentials.
      found.append((name, element[key]?.mapping ?? Node.Mapping([])))
    }
    return found
  }

  private func cluster(
    _ name: String, _ node: Node.Mapping
  ) throws(AccessError) -> Kubeconfig.Cluster {
    guard let server = text(node["server"]) else {
      throw malformed("the cluster \"\(name)\" has no server")
    }
    let place = "the cluster \"\(name)\""
    return Kubeconfig.Cluster(
      server: server,
      authorities: try content(node, "certificate-authority", of: place),
      skipsVerification: try flag(node, "insecure-skip-tls-verify", of: place),
      proxy: text(node["proxy-url"]).map { Secret($0) },
      serverName: text(node["tls-server-name"]))
  }

  private func user(_ name: String, _ node: Node.Mapping) throws(AccessError) -> Kubeconfig.User {
    let place = "the user \"\(name)\""
    var user = Kubeconfig.User()
    user.certificate = try content(node, "client-certificate", of: place)
    switch try content(node, "client-key", of: place) {
    case .data(let bytes): user.key = .data(Secret(String(decoding: bytes, as: UTF8.self)))
    case .file(let path): user.key = .file(path)
    case nil: break
    }
    user.token = text(node["token"]).map { Secret($0) }
    user.tokenFile = text(node["tokenFile"]).map(absolute)
    if let exec = node["exec"]?.mapping { user.plugin = try plugin(exec, of: place) }
    if text(node["username"]) != nil || text(node["password"]) != nil {
      user.unsupported = "a user name and a password"
    } else if node["auth-provider"]?.mapping != nil {
      user.unsupported = "an auth-provider"
    } else if text(node["as"]) != nil || text(node["as-uid"]) != nil {
      user.unsupported = "another user's rights (as)"
    }
    return user
  }

  private func plugin(
    _ node: Node.Mapping, of place: String
  ) throws(AccessError) -> Kubeconfig.Plugin {
    guard let version = text(node["apiVersion"]), let command = text(node["command"]) else {
      throw malformed("exec of \(place) lacks its apiVersion or command")
    }
    // A path counts from the file's folder; a bare name is looked for in PATH.
    var plugin = Kubeconfig.Plugin(
      apiVersion: version, command: command.contains("/") ? absolute(command) : command)
    plugin.arguments = (node["args"]?.sequence ?? []).compactMap { text($0) ?? $0.scalar?.string }
    for variable in node["env"]?.sequence ?? [] {
      guard let name = text(variable["name"]), !name.contains("=") else {
        throw malformed("a variable in exec of \(place) has no usable name")
      }
      plugin.environment.append(
        Kubeconfig.Variable(name: name, value: Secret(variable["value"]?.scalar?.string ?? "")))
    }
    plugin.installHint = text(node["installHint"])
    plugin.wantsClusterInfo = try flag(node, "provideClusterInfo", of: place)
    plugin.interactiveMode = text(node["interactiveMode"]) ?? "IfAvailable"
    return plugin
  }

  // MARK: - Values

  /// `KEY-data` in base64, which wins, or `KEY` as a path.
  private func content(
    _ node: Node.Mapping, _ key: String, of place: String
  ) throws(AccessError) -> Kubeconfig.Content? {
    if let data = text(node["\(key)-data"]) {
      guard let bytes = Base64.decode(data) else {
        throw malformed("\(key)-data of \(place) is not base64")
      }
      return .data(bytes)
    }
    return text(node[key]).map { .file(absolute($0)) }
  }

  private func flag(
    _ node: Node.Mapping, _ key: String, of place: String
  ) throws(AccessError) -> Bool {
    guard let value = node[key]?.scalar?.string else { return false }
    switch value {
    case "true": return true
    case "false", "": return false
    default: throw malformed("\(key) of \(place) is neither true nor false")
    }
  }

  /// A text that says something.
  private func text(_ node: Node?) -> String? {
    guard let scalar = node?.scalar, !scalar.string.isEmpty,
      node?.tag.description != "tag:yaml.org,2002:null"
    else { return nil }
    return scalar.string
  }

  private func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return String(file[...slash]) + path
  }

  private func malformed(_ what: String) -> AccessError {
    AccessError(.malformed, "The kubeconfig \(file) can't be used: \(what). Correct the file.")
  }

  private func line(of error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
      ", line \(mark.line)"
    case .duplicatedKeysInMapping(_, let context): ", line \(context.mark.line)"
    default: ""
    }
  }
}
