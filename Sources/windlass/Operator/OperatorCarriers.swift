import CurlTransport
import KubernetesFleet
import WindlassCore
import WindlassWire

/// How the operator's requests leave the process.
struct OperatorCarriers: Sendable {
  /// Carry requests to the API server.
  var cluster: TransportMaker
  /// Makes what fetches manifests, anew for each time that the process leads.
  var manifests: @Sendable () throws(HTTPError) -> any HTTPTransport

  /// Carriers by libcurl, as the program uses them.
  static var curl: OperatorCarriers {
    OperatorCarriers(
      cluster: { security throws(HTTPError) in try CurlTransport(security: security) },
      manifests: { () throws(HTTPError) in try CurlTransport() })
  }
}
