import CLinux
import Glibc
import WindlassCore
import WindlassWire

/// The daemon's end of the shim's socket; starts the shim where there is none. Blocking, so it
/// belongs to an actor with an executor of its own.
final class ShimClient {
  private let directory: ShimDirectory
  private let launcher: ShimLauncher
  private var connection: Descriptor?

  /// Connects to nothing yet.
  init(stateDirectory: String, command: ShimInvocation) {
    directory = ShimDirectory(path: stateDirectory)
    launcher = ShimLauncher(directory: directory, command: command)
  }

  /// Asks the shim; every request may be repeated, so when a connection broke, as that to a shim
  /// that is just dying, it is asked again on a new one.
  func ask(
    _ request: ShimRequest, with descriptor: Descriptor? = nil
  ) throws(StepFailure) -> ShimReading {
    var attemptsLeft = Bounds.shimAttemptsMax
    while true {
      attemptsLeft -= 1
      let socket = try open()
      let answer: Result<ShimReading, StepFailure>
      do throws(SystemError) {
        answer = try exchange(request, descriptor, over: socket)
      } catch {
        connection = nil
        let isBroken = [ECONNRESET, EPIPE].contains(error.number)
        guard isBroken, attemptsLeft > 0 else { throw launcher.unavailable(error) }
        continue
      }
      return try answer.get()
    }
  }

  /// Ends the shim where one runs; refused while an instance may be alive.
  func leave() throws(StepFailure) {
    do throws(SystemError) {
      if connection == nil { connection = try launcher.connect() }
    } catch {
      throw launcher.unavailable(error)
    }
    guard connection != nil else { return }
    _ = try ask(.leave)
    connection = nil
    launcher.awaitEnd()
  }

  private func open() throws(StepFailure) -> Descriptor {
    if let connection { return connection }
    let opened = try launcher.connectOrStart()
    connection = opened
    return opened
  }

  private static let replyTimeout = Int32(Bounds.shimReplyTimeout.milliseconds)

  /// Sends a request and reads its answer. A failure of the connection is thrown, one that the
  /// shim tells is returned.
  private func exchange(
    _ request: ShimRequest, _ descriptor: Descriptor?, over socket: Descriptor
  ) throws(SystemError) -> Result<ShimReading, StepFailure> {
    try send(request.json.bytes + [0x0A], descriptor, to: socket)
    let line = try receiveLine(from: socket)
    do {
      let limits = JSONLimits(sizeMax: Bounds.controlMessageMax)
      let json = try JSONValue.parse(line, limits: limits)
      if let failure = try StepFailure(shimJSON: json) { return .failure(failure) }
      return .success(try ShimReading(json: json))
    } catch {
      return .failure(
        StepFailure(
          code: "ShimProtocolDiffers", disposition: .stop,
          message:
            "The shim of \(directory.path) answers what this version can't read (\(error)). Use "
            + "the version of windlass that started it, or stop the instances and the shim."))
    }
  }

  private func send(
    _ bytes: [UInt8], _ descriptor: Descriptor?, to socket: Descriptor
  ) throws(SystemError) {
    var rest = bytes[...]
    // The descriptor goes with the first byte.
    var numbers = descriptor.map { [$0.number] } ?? []
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        clinux_send(socket.number, $0.baseAddress, $0.count, numbers, Int32(numbers.count))
      }
      guard sent > 0 else { throw SystemError("send", directory.socket, result: Int32(sent)) }
      rest = rest.dropFirst(sent)
      numbers = []
    }
    withExtendedLifetime(descriptor) {}
  }

  private func receiveLine(from socket: Descriptor) throws(SystemError) -> [UInt8] {
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while line.last != 0x0A {
      guard line.count <= Bounds.controlMessageMax else {
        throw SystemError("receive", directory.socket, number: EMSGSIZE)
      }
      guard socket.waitUntilReadable(milliseconds: ShimClient.replyTimeout) else {
        throw SystemError("receive", directory.socket, number: ETIMEDOUT)
      }
      let count = read(socket.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("receive", directory.socket) }
      guard count > 0 else { throw SystemError("receive", directory.socket, number: ECONNRESET) }
      line += buffer[..<count]
    }
    return line.dropLast()
  }
}
