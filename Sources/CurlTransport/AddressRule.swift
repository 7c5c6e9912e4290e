import WindlassWire

/// Which resolved addresses one request may connect to.
///
/// The rule is asked about the address itself, after resolution and for every connection, new or
/// reused; names and texts of URLs decide nothing, so rebinding a name gains nothing either.
struct AddressRule: Hashable, Sendable {
  /// What the caller allows.
  let reach: HTTPReach
  /// Where the first hop connected; nil while that hop is under way.
  var origin: AddressClass?

  /// Makes the rule of a request's first hop.
  init(reach: HTTPReach) { self.reach = reach }

  /// Whether a connection to an address of that class may be made.
  ///
  /// A redirect comes from the reply, not from the operator: it may lead to a public address or
  /// stay in the class where the request began, and never into another inner network.
  func permits(_ target: AddressClass) -> Bool {
    switch reach {
    case .publicOnly: target == .publicInternet
    case .loopbackOnly: target == .loopback
    case .anywhere:
      origin.map { target == .publicInternet || (target == $0 && target != .unusable) } ?? true
    }
  }
}
