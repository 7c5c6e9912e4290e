import WindlassCore
import WindlassWire

/// What one instance answered on its private listener.
struct InstanceAnswer: Hashable, Sendable {
  /// Whether the readiness question was answered by a 2xx status.
  var isReady: Bool
  /// The version as it was told; nil when none was.
  var version: String?
  /// Why it is not ready, or gave no version; empty when all is well.
  var detail: String
}

/// Asks instances for readiness and version.
struct InstanceQuestions: Sendable {
  private let settings: ProcessFleetSettings
  private let transport: any HTTPTransport

  /// Asks what the settings say, over the transport.
  init(settings: ProcessFleetSettings, transport: any HTTPTransport) {
    self.settings = settings
    self.transport = transport
  }

  /// Asks all at the same time; the slowest one takes `Bounds.probeTimeout`.
  func ask(_ instances: [ShimInstance]) async -> [InstanceID: InstanceAnswer] {
    await withTaskGroup(of: (InstanceID, InstanceAnswer).self) { group in
      for instance in instances {
        group.addTask { (instance.id, await ask(instance)) }
      }
      var answers: [InstanceID: InstanceAnswer] = [:]
      for await (id, answer) in group { answers[id] = answer }
      return answers
    }
  }

  private func ask(_ instance: ShimInstance) async -> InstanceAnswer {
    async let ready = get(instance.baseURL + settings.readinessPath)
    async let version = get(instance.baseURL + settings.versionPath)
    let (readiness, told) = await (ready, version)
    var details: [String] = []
    let isReady: Bool
    switch readiness {
    case .success(let response):
      isReady = (200...299).contains(response.status)
      if !isReady { details.append("\(settings.readinessPath) answered \(response.status)") }
    case .failure(let error):
      isReady = false
      details.append("\(settings.readinessPath): \(error.message)")
    }
    switch told.flatMap(version(in:)) {
    case .success(let text):
      return InstanceAnswer(
        isReady: isReady, version: text, detail: details.joined(separator: "; "))
    case .failure(let error):
      details.append("\(settings.versionPath): \(error.message)")
      return InstanceAnswer(isReady: isReady, version: nil, detail: details.joined(separator: "; "))
    }
  }

  private func version(in response: HTTPResponse) -> Result<String, HTTPError> {
    guard (200...299).contains(response.status) else {
      return .failure(HTTPError(.other, "answered \(response.status)"))
    }
    let limits = JSONLimits(sizeMax: Int(Bounds.versionReplySizeMax))
    guard let document = try? JSONValue.parse(response.body, limits: limits),
      let text = document.value(at: settings.versionPointer)?.string
    else {
      return .failure(
        HTTPError(.other, "answered no JSON with text at \"\(settings.versionPointer)\""))
    }
    return .success(text)
  }

  private func get(_ url: String) async -> Result<HTTPResponse, HTTPError> {
    let limits = HTTPLimits(
      bodySizeMax: Bounds.versionReplySizeMax, deadline: Bounds.probeTimeout, reach: .loopbackOnly,
      keepsConnection: false)
    do throws(HTTPError) {
      return .success(try await transport.send(HTTPRequest(url: url), limits: limits))
    } catch {
      return .failure(error)
    }
  }
}
