import ArgumentParser
import Glibc
import WindlassCore
import WindlassWire

/// Which daemon, and which of its services.
struct ControlOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp("The daemon's state directory.", valueName: "directory"))
  var state = StateDirectory.standard

  @Option(
    name: .long,
    help: ArgumentHelp("The service; needed where the daemon has several.", valueName: "name"))
  var service: String?

  /// Asks the daemon.
  func ask(
    _ command: ControlCommand, _ arguments: [String: JSONValue] = [:]
  ) throws(CommandFailure) -> ControlResponse {
    let request = ControlRequest(
      command: command, service: service.map { ServiceName($0) }, arguments: arguments)
    return try ControlClient(directory: StateDirectory(state)).send(request)
  }
}

/// Who decides, and why; recorded with the decision.
struct DecisionOptions: ParsableArguments {
  @Option(
    name: .long, help: ArgumentHelp("Why; recorded with the decision.", valueName: "text"))
  var reason = ""

  @Option(
    name: .long,
    help: ArgumentHelp("Who decides; without it, this user's name.", valueName: "name"))
  var by: String?

  /// Both as arguments of a request.
  var arguments: [String: JSONValue] {
    ["by": .string(by ?? DecisionOptions.person), "reason": .string(reason)]
  }

  /// The name of whoever types: the one behind `sudo`, or this user's, or its number.
  static var person: String {
    if geteuid() == 0, let name = ProcessEnvironment.value(of: "SUDO_USER") { return name }
    guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else {
      return "uid \(getuid())"
    }
    return String(cString: name)
  }
}

extension Output {
  /// Shows the daemon's answer and says how the command ends; an answer that is nothing but a
  /// refusal is an error.
  func show(
    _ response: ControlResponse, _ view: (JSONValue, Output) -> Void = { _, _ in }
  ) throws(CommandFailure) -> ExitStatus {
    guard response.status == .done || response.body != .null else {
      throw CommandFailure(response.status, "Refused", response.message)
    }
    if !response.message.isEmpty { line(Span(response.message)) }
    if let services = response.body["services"]?.array {
      for service in services {
        object(service)
        view(service, self)
      }
    } else if response.body == .null {
      object(["message": .string(response.message)])
    } else {
      object(response.body)
      view(response.body, self)
    }
    return response.status
  }
}
