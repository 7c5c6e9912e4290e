import Glibc
import KubernetesFleet
import WindlassCore
import WindlassWire

/// The file from which a kubelet takes what a container has to say at its end.
struct TerminationLog {
  let path: String

  /// Writes the message; whether it stands there whole.
  func write(_ bytes: [UInt8]) -> Bool {
    // The kubelet has made the file and bound it into the container: it is never replaced.
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: offset), bytes.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      offset += count
    }
    return true
  }
}

/// What became of a step, for the pod's log.
struct StepReport {
  private let message: StepMessage

  init(_ message: StepMessage) { self.message = message }

  /// Writes it as one line, for people or for machines.
  func write(to output: Output, _ failure: CommandFailure?) {
    if let failure { output.failure(failure) }
    // The message is JSON that this program has just written.
    if let json = try? JSONValue.parse(message.bytes) { output.object(json) }
    guard failure == nil else { return }
    let ledger = message.ledger.map { ", schema \($0)" } ?? ""
    let epoch = message.epoch.map { ", epoch \($0)" } ?? ""
    output.line(.good("ended"), " \(message.kind.rawValue)\(ledger)\(epoch)")
  }
}
