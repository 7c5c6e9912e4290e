import CLinux
import Glibc
import WindlassCore

/// One connection to the shim: lines in, with the descriptors that came beside them, lines out.
final class ShimConnection {
  /// A whole request.
  struct Message {
    /// Without the line end.
    var line: [UInt8]
    /// What came beside it.
    var descriptors: [Descriptor]
  }

  /// The accepted socket, which does not block.
  let socket: Descriptor
  private var incoming: [UInt8] = []
  private var descriptors: [Descriptor] = []
  private var outgoing: [UInt8] = []
  /// Whether the other side is gone or broke a limit.
  private(set) var isOver = false

  /// Takes over an accepted socket.
  init(_ socket: Descriptor) { self.socket = socket }

  /// What to poll for.
  var events: Int16 { Int16(outgoing.isEmpty ? POLLIN : POLLIN | POLLOUT) }

  /// Receives what is there and returns the requests that are whole.
  func receive() -> [Message] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var numbers = [Int32](repeating: -1, count: 4)
    var count: Int32 = 0
    let received = clinux_receive(
      socket.number, &buffer, buffer.count, &numbers, Int32(numbers.count), &count)
    descriptors += numbers.prefix(Int(count)).map { Descriptor(owning: $0) }
    if received == -Int(EAGAIN) { return [] }
    guard received > 0, incoming.count + received <= Bounds.controlMessageMax else {
      isOver = true
      return []
    }
    incoming += buffer[..<received]
    var messages: [Message] = []
    while let end = incoming.firstIndex(of: 0x0A) {
      // A client waits for each answer, so all descriptors that came belong to this line.
      messages.append(Message(line: Array(incoming[..<end]), descriptors: descriptors))
      descriptors = []
      incoming.removeSubrange(...end)
    }
    return messages
  }

  /// Queues a line and sends what the other side takes now.
  func send(_ line: [UInt8]) {
    guard outgoing.count + line.count < 2 * Bounds.controlMessageMax else {
      isOver = true
      return
    }
    outgoing += line
    outgoing.append(0x0A)
    flush()
  }

  /// Sends what is queued, as far as the other side takes it.
  func flush() {
    while !outgoing.isEmpty {
      let sent = clinux_send(socket.number, outgoing, outgoing.count, nil, 0)
      if sent == -Int(EAGAIN) { return }
      guard sent > 0 else {
        isOver = true
        return
      }
      outgoing.removeFirst(sent)
    }
  }
}
