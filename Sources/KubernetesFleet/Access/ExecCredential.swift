import WindlassCore
import WindlassWire

/// The protocol between a client and a program that gives it credentials
/// (`client.authentication.k8s.io`).
enum ExecCredential {
  /// The versions that are spoken.
  static let versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]

  /// What the program finds in `KUBERNETES_EXEC_INFO`.
  static func question(to plugin: Kubeconfig.Plugin, about access: ClusterAccess) -> String {
    var spec: [JSONMember] = []
    if plugin.wantsClusterInfo {
      var cluster: [JSONMember] = [JSONMember("server", .string(access.server))]
      switch access.security.authorities {
      case .pem(let bytes):
        cluster.append(
          JSONMember("certificate-authority-data", .string(Base64.encode(bytes))))
      case .file(let path):
        if let bytes = try? SmallFile.read(path, sizeMax: ClientBounds.configurationSizeMax) {
          cluster.append(JSONMember("certificate-authority-data", .string(Base64.encode(bytes))))
        }
      case .system: break
      }
      if !access.security.verifiesServer {
        cluster.append(JSONMember("insecure-skip-tls-verify", true))
      }
      spec.append(JSONMember("cluster", .object(cluster)))
    }
    spec.append(JSONMember("interactive", false))
    let body: JSONValue = .object([
      JSONMember("apiVersion", .string(plugin.apiVersion)),
      JSONMember("kind", "ExecCredential"), JSONMember("spec", .object(spec)),
    ])
    return body.text
  }

  /// Reads what the program has printed.
  ///
  /// The text itself never stands in an error: it holds secrets.
  static func answer(
    _ output: [UInt8], of plugin: Kubeconfig.Plugin
  ) throws(AccessError) -> Credential {
    func wrong(_ what: String) -> AccessError {
      AccessError(
        .pluginFailed,
        "The plug-in \(plugin.command) printed no usable ExecCredential: \(what). Run it by hand.")
    }
    let body: JSONValue
    do throws(JSONError) {
      body = try JSONValue.parse(output, limits: JSONLimits(sizeMax: ClientBounds.pluginOutputMax))
    } catch {
      throw wrong("it is not JSON, line \(error.line)")
    }
    guard body["kind"]?.string == "ExecCredential" else {
      throw wrong("its kind is not ExecCredential")
    }
    guard body["apiVersion"]?.string == plugin.apiVersion else {
      throw wrong("its apiVersion is not \(plugin.apiVersion), which the kubeconfig asks for")
    }
    guard let status = body["status"] else { throw wrong("it has no status") }
    var credential = Credential()
    credential.token = status["token"]?.string.flatMap { $0.isEmpty ? nil : Secret($0) }
    let certificate = status["clientCertificateData"]?.string ?? ""
    let key = status["clientKeyData"]?.string ?? ""
    guard certificate.isEmpty == key.isEmpty else {
      throw wrong("it has only one of clientCertificateData and clientKeyData")
    }
    if !certificate.isEmpty {
      credential.identity = HTTPSecurity.Identity(
        certificate: Array(certificate.utf8), key: Secret(key))
    }
    guard credential.token != nil || credential.identity != nil else {
      throw wrong("it has neither a token nor a certificate")
    }
    if let expiry = status["expirationTimestamp"]?.string, !expiry.isEmpty {
      guard let time = Timestamp(rfc3339: expiry) else {
        throw wrong("its expirationTimestamp is no time")
      }
      credential.expires = time
    }
    return credential
  }
}
