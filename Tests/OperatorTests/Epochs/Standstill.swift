import WindlassCore
import WindlassEngine

/// Where an operator that leads stands still, as after SIGSTOP, and when it goes on.
struct Standstill: Hashable, Sendable, CustomStringConvertible {
  /// One of the engine's failpoints, as it is met by one operator.
  struct Failpoint: Hashable, Sendable, CustomStringConvertible {
    var name: String
    var moment: FailpointMoment
    /// How often it was met, this time included.
    var number: Int

    var description: String { "\(name).\(moment.rawValue):\(number)" }
  }

  /// Where it stands still.
  enum Place: Hashable, Sendable, CustomStringConvertible {
    /// At a failpoint. It has not looked yet whether it may do what it does next.
    case at(Failpoint)
    /// At a failpoint, and what it asks the server next is on its way already.
    case behind(Failpoint)
    /// With that request on its way.
    case sending(SeenRequest)

    var description: String {
      switch self {
      case .at(let failpoint): "at \(failpoint)"
      case .behind(let failpoint): "behind \(failpoint)"
      case .sending(let request): "sending \(request)"
      }
    }
  }

  /// When it goes on.
  enum End: String, Hashable, Sendable, CaseIterable {
    /// As soon as the next one has the Lease.
    case nextLeads
    /// When the next one has written down its first intent.
    case nextActs
    /// When the next one has taken the fence and knows it, where it needs it.
    case nextHasFence
    /// When the next one has carried everything to its end.
    case allIsDone
  }

  var place: Place
  var end: End

  var description: String { "\(place) until \(end.rawValue)" }

  /// Every standstill of an operator that meets those failpoints and sends those requests.
  static func all(_ failpoints: [Failpoint], _ requests: [SeenRequest]) -> [Standstill] {
    let places =
      failpoints.flatMap { [Place.at($0), .behind($0)] } + requests.map { .sending($0) }
    return places.flatMap { place in End.allCases.map { Standstill(place: place, end: $0) } }
  }
}
