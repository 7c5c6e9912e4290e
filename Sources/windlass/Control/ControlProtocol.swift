import WindlassCore
import WindlassWire

/// What a person may ask of the daemon.
enum ControlCommand: String, CaseIterable, Sendable {
  case plan, status, history, notes
  case adopt, approve, pause, resume, rollback, downgrade, quarantine
  case confirmDead = "confirm-dead"

  /// Whether it is a decision, which is recorded with who took it.
  var isDecision: Bool {
    switch self {
    case .plan, .status, .history, .notes: false
    case .adopt, .approve, .pause, .resume, .rollback, .downgrade, .quarantine, .confirmDead: true
    }
  }
}

/// A line from the command line to the daemon.
struct ControlRequest: Hashable, Sendable {
  var command: ControlCommand
  /// The service that is meant; nil for the only one, or for all where that makes sense.
  var service: ServiceName?
  /// What belongs to the command, by name: `by` and `reason` with every decision, and `version`,
  /// `instance`, `run`, `limit` or `lift` where the command has them.
  var arguments: [String: JSONValue]
  /// The user at the other end, as the kernel told; never part of the line.
  var peer: UInt32 = 0

  /// The text argument of that name.
  func text(_ name: String) -> String? { arguments[name]?.string }
}

/// The daemon's answer, one line.
struct ControlResponse: Hashable, Sendable {
  /// How the command line ends.
  var status: ExitStatus
  /// A sentence for people; empty when the body says everything.
  var message: String
  /// What `--json` shows; null where there is nothing but the message.
  var body: JSONValue
}

/// Why a line is no message of this protocol.
struct ControlProtocolError: Error, Hashable {
  var message: String
}

/// The lines that daemon and command line exchange.
enum ControlProtocol {
  /// The only version so far; a daemon refuses requests of another.
  static let version: Int64 = 1

  private static let limits = JSONLimits(sizeMax: Bounds.controlMessageMax)

  /// The request as a line.
  static func line(_ request: ControlRequest) -> [UInt8] {
    let arguments = request.arguments.sorted { $0.key < $1.key }
      .map { JSONMember($0.key, $0.value) }
    let value: JSONValue = [
      "version": .integer(version), "command": .string(request.command.rawValue),
      "service": request.service.map { .string($0.text) } ?? .null,
      "arguments": .object(arguments),
    ]
    return value.bytes + [UInt8(ascii: "\n")]
  }

  /// The response as a line.
  static func line(_ response: ControlResponse) -> [UInt8] {
    let value: JSONValue = [
      "version": .integer(version), "status": .integer(Int64(response.status.rawValue)),
      "message": .string(response.message), "body": response.body,
    ]
    return value.bytes + [UInt8(ascii: "\n")]
  }

  /// Reads a request.
  static func request(_ line: [UInt8]) throws(ControlProtocolError) -> ControlRequest {
    let value = try object(line)
    guard let name = value["command"]?.string, let command = ControlCommand(rawValue: name),
      let arguments = value["arguments"]?.object
    else { throw ControlProtocolError(message: "the request names no command that is known") }
    return ControlRequest(
      command: command, service: value["service"]?.string.map { ServiceName($0) },
      arguments: Dictionary(uniqueKeysWithValues: arguments.map { ($0.name, $0.value) }))
  }

  /// Reads a response.
  static func response(_ line: [UInt8]) throws(ControlProtocolError) -> ControlResponse {
    let value = try object(line)
    guard let number = value["status"]?.integer, let code = Int32(exactly: number),
      let message = value["message"]?.string, let body = value["body"]
    else { throw ControlProtocolError(message: "the answer has no status, message and body") }
    return ControlResponse(
      status: ExitStatus(rawValue: code) ?? .failed, message: message, body: body)
  }

  private static func object(_ line: [UInt8]) throws(ControlProtocolError) -> JSONValue {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(line, limits: limits)
    } catch {
      throw ControlProtocolError(message: "the line is not JSON (\(error))")
    }
    guard value["version"] == .integer(version) else {
      throw ControlProtocolError(
        message: "the line is not of version \(version) of the protocol; daemon and command line "
          + "must be of builds that belong together")
    }
    return value
  }
}
