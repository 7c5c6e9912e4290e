import KubernetesFleet
import Synchronization

/// What the tasks of an operator's process know of each other.
final class OperatorOffice: Sendable {
  let isLeading = Mutex(false)
  /// Tells that the process is to end.
  let ending = Signal()
}
