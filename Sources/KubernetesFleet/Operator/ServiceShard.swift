import WindlassWire

/// The part of a cluster's services that one operator and its stand-ins look after, of several that
/// share them out by a label.
///
/// Which shard a service belongs to is wished by its label. Whose it is while a run is open is on
/// record in an annotation, and stays so until the run has ended: a run is brought to its end by
/// the operators that opened it.
package struct ServiceShard: Hashable, Sendable, CustomStringConvertible {
  /// The label by which services are shared out.
  package static let label = "windlass.dev/shard"
  /// The annotation that says who took a service up last; without it, those without a name did.
  static let record = "windlass.dev/driven-by-shard"

  /// What the shard has to do for a service.
  package enum Duty: Hashable, Sendable {
    /// The service is wished to be its own.
    case all
    /// It is wished to be another's, and an open run is this one's: that is brought to its end.
    case openRun
    /// It is another's.
    case nothing
  }

  /// The value of the label; empty for the services without it.
  package let name: String

  /// - Parameter name: The value of the label; empty for the services without it.
  package init(_ name: String = "") { self.name = name }

  package var description: String { name.isEmpty ? "(none)" : name }

  /// The name of the Lease that makes one of the shard's operators lead.
  package func lease(_ name: String) -> String {
    self.name.isEmpty ? name : "\(name)-\(self.name)"
  }

  /// Whether this shard took the service up last, so that its open run is this one's.
  func isRecorded(on service: KubernetesObject) -> Bool {
    (service.annotations[ServiceShard.record] ?? "") == name
  }

  /// What is to be done for a service, by a copy of it as it was not long ago.
  ///
  /// That the newest record of the journal is in the object of a run is so while one is open, and
  /// for some time afterwards.
  package func duty(for service: KubernetesObject) -> Duty {
    if (service.labels[ServiceShard.label] ?? "") == name { return .all }
    guard isRecorded(on: service),
      case .mark(let mark) = JournalMark.reading(service.annotations[JournalMark.annotation]),
      mark.place != nil
    else { return .nothing }
    return .openRun
  }

  /// Whether this shard may drive a service, of which it is known whether a run is open.
  package func mayDrive(_ service: KubernetesObject, isOpen: Bool) -> Bool {
    isRecorded(on: service) || !isOpen
  }

  /// The same by a copy of the object, which shows an open run some time after it was opened, and
  /// until some time after its end.
  package func mayDrive(_ service: KubernetesObject) -> Bool {
    mayDrive(service, isOpen: service.body["status"]?["run"]?.string?.isEmpty == false)
  }
}
