import Glibc
import Synchronization
import WindlassEngine

/// What tests make happen to the daemon through its environment, in debug builds alone.
///
/// `WINDLASS_FAILPOINT=start.after:2=kill` ends the daemon by SIGKILL after the second start's
/// effect and before its outcome is durable. Moments are `before`, `after` and `settled`; acts are
/// `kill`, `stop` (SIGSTOP) and `lose` (the reply is thrown away).
enum Failpoints {
  /// What the environment asks for; nothing in a release build.
  static func fromEnvironment() -> Failpoint {
    #if DEBUG
      guard let text = getenv("WINDLASS_FAILPOINT").map({ String(cString: $0) }),
        let trap = Trap(text)
      else { return { _, _ in .pass } }
      return { name, moment in trap.meet(name, moment) }
    #else
      return { _, _ in .pass }
    #endif
  }

  /// The file that plays the host's boot id, so that a test can play a reboot
  /// (`WINDLASS_BOOT_ID_PATH`); nil in a release build, which knows the kernel's alone.
  static var bootIDPath: String? {
    #if DEBUG
      getenv("WINDLASS_BOOT_ID_PATH").map { String(cString: $0) }
    #else
      nil
    #endif
  }

  #if DEBUG
    private final class Trap: Sendable {
      private let name: String
      private let moment: String
      private let act: String
      private let left: Mutex<Int>

      init?(_ text: String) {
        let halves = text.split(separator: "=")
        guard halves.count == 2 else { return nil }
        let place = halves[0].split(separator: ":")
        let words = place[0].split(separator: ".")
        guard words.count == 2 else { return nil }
        name = String(words[0])
        moment = String(words[1])
        act = String(halves[1])
        left = Mutex(place.count > 1 ? Int(place[1]) ?? 1 : 1)
      }

      func meet(_ name: String, _ moment: FailpointMoment) -> FailpointVerdict {
        guard name == self.name, moment.rawValue == self.moment else { return .pass }
        let isDue = left.withLock { left -> Bool in
          left -= 1
          return left == 0
        }
        guard isDue else { return .pass }
        switch act {
        case "kill": kill(getpid(), SIGKILL)
        // To this very thread, which would go on for a while if another one were stopped first.
        case "stop": raise(SIGSTOP)
        case "lose": return .loseReply
        default: break
        }
        return .pass
      }
    }
  #endif
}
