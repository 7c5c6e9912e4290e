package import WindlassCore
package import WindlassWire

/// What a request shows to prove who asks.
package struct Credential: Hashable, Sendable {
  package var token: Secret?
  package var identity: HTTPSecurity.Identity?
  /// When it is no longer accepted; nil when nobody said so.
  package var expires: Timestamp?
}

/// Runs a program that gives credentials, and returns what it printed.
package protocol PluginRunner: Sendable {
  /// - Throws: `AccessError` when it can't be started, fails, or takes too long.
  func run(
    _ plugin: Kubeconfig.Plugin, information: String
  ) async throws(AccessError) -> [UInt8]
}

/// Keeps credentials and gets new ones when they age, expire or are turned down.
package actor Credentials {
  private let access: ClusterAccess
  private let clock: any RunClock
  private let runner: any PluginRunner
  private var kept: Credential?
  /// When `kept` was had.
  private var since = Timestamp(milliseconds: 0)
  private var isAsking = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// Credentials of one cluster.
  package init(_ access: ClusterAccess, clock: any RunClock, runner: any PluginRunner) {
    self.access = access
    self.clock = clock
    self.runner = runner
  }

  /// Credentials that are good now; several who ask at once start one program.
  package func current() async throws(AccessError) -> Credential {
    while isAsking { await withCheckedContinuation { waiting.append($0) } }
    let now = clock.now()
    if let kept, isGood(kept, at: now) { return kept }
    isAsking = true
    defer {
      isAsking = false
      for one in waiting { one.resume() }
      waiting = []
    }
    do throws(AccessError) {
      let fresh = try await get()
      kept = fresh
      since = now
      return fresh
    } catch {
      // A file that is just being replaced must not stop anybody whose token still holds.
      if let kept, case .tokenFile = access.source { return kept }
      throw error
    }
  }

  /// Forgets credentials that the server turned down, unless others were had since.
  package func reject(_ credential: Credential) {
    if kept == credential { kept = nil }
  }

  private func isGood(_ credential: Credential, at now: Timestamp) -> Bool {
    if let expires = credential.expires, expires <= now + ClientBounds.expiryMargin { return false }
    guard case .tokenFile = access.source else { return true }
    return now - since < ClientBounds.tokenAgeMax
  }

  private func get() async throws(AccessError) -> Credential {
    var credential = Credential()
    switch access.source {
    case .anonymous: break
    case .token(let token): credential.token = try checked(token)
    case .tokenFile(let path):
      let text = try SmallFile.text(path, sizeMax: ClientBounds.tokenSizeMax)
      guard !text.isEmpty else {
        throw AccessError(.malformed, "The file \(path) holds no token; write one into it.")
      }
      credential.token = try checked(Secret(text))
    case .plugin(let plugin): credential = try await ask(plugin)
    }
    if credential.identity == nil, let files = access.certificateFiles {
      credential.identity = try identity(files.certificate, files.key)
    }
    return credential
  }

  private func ask(_ plugin: Kubeconfig.Plugin) async throws(AccessError) -> Credential {
    guard ExecCredential.versions.contains(plugin.apiVersion) else {
      throw AccessError(
        .unsupported,
        "The plug-in \(plugin.command) speaks \(plugin.apiVersion), which is not known; allowed: "
          + ExecCredential.versions.joined(separator: ", ") + ".")
    }
    guard plugin.interactiveMode != "Always" else {
      throw AccessError(
        .unsupported,
        "The plug-in \(plugin.command) wants a person at a terminal (interactiveMode: Always); use "
          + "one that can work unattended.")
    }
    let question = ExecCredential.question(to: plugin, about: access)
    var credential = try ExecCredential.answer(
      try await runner.run(plugin, information: question), of: plugin)
    if let token = credential.token { credential.token = try checked(token) }
    if let expires = credential.expires, expires <= clock.now() {
      throw AccessError(
        .pluginFailed,
        "The plug-in \(plugin.command) gave credentials that have expired already; check the clock "
          + "of this machine and the plug-in's own sign-in.")
    }
    return credential
  }

  /// A token is one line of a header; anything else would become more than one.
  private func checked(_ token: Secret) throws(AccessError) -> Secret {
    guard token.reveal().utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw AccessError(
        .malformed, "The token of \(access.origin) holds spaces or control characters.")
    }
    return token
  }

  private func identity(
    _ certificate: Kubeconfig.Content, _ key: Kubeconfig.KeyContent
  ) throws(AccessError) -> HTTPSecurity.Identity {
    let bytes: [UInt8]
    switch certificate {
    case .data(let data): bytes = data
    case .file(let path):
      bytes = try SmallFile.read(path, sizeMax: ClientBounds.configurationSizeMax)
    }
    switch key {
    case .data(let secret): return HTTPSecurity.Identity(certificate: bytes, key: secret)
    case .file(let path):
      let text = try SmallFile.text(path, sizeMax: ClientBounds.configurationSizeMax)
      return HTTPSecurity.Identity(certificate: bytes, key: Secret(text + "\n"))
    }
  }
}
