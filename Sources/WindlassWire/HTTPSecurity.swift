public import WindlassCore

/// Whom a transport trusts, who it says it is, and which way it goes: one set per transport, since
/// connections are shared.
public struct HTTPSecurity: Hashable, Sendable {
  /// The authorities that a server's certificate may come from.
  public enum Authorities: Hashable, Sendable {
    /// Those of this machine.
    case system
    /// Those of a PEM file alone.
    case file(String)
    /// Those of a PEM text alone.
    case pem([UInt8])
  }

  /// A client certificate with its key.
  public struct Identity: Hashable, Sendable {
    /// PEM, with the intermediate certificates behind it.
    public var certificate: [UInt8]
    /// PEM, not encrypted.
    public var key: Secret

    public init(certificate: [UInt8], key: Secret) {
      self.certificate = certificate
      self.key = key
    }
  }

  public var authorities: Authorities
  public var identity: Identity?
  /// Whether the server's certificate and name are verified; `false` is for a person who wrote so.
  public var verifiesServer: Bool
  /// The proxy's URL, which may hold a password; nil goes straight, whatever the environment says.
  public var proxy: Secret?
  /// Whether HTTP/2 is offered, with many requests at a time over one connection.
  public var multiplexes: Bool

  public init(
    authorities: Authorities = .system, identity: Identity? = nil, verifiesServer: Bool = true,
    proxy: Secret? = nil, multiplexes: Bool = false
  ) {
    self.authorities = authorities
    self.identity = identity
    self.verifiesServer = verifiesServer
    self.proxy = proxy
    self.multiplexes = multiplexes
  }
}
