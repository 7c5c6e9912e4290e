/// The workload that a service was adopted with, as an annotation of the ManagedService.
///
/// Instances of another one would be taken for the service's own, and its own for missing; and of
/// two services the older could take the younger one's workload by a slip of the pen. So a wish
/// that names another one is refused until a person takes the annotation off.
package struct AdoptedWorkload: Hashable, Sendable {
  /// The annotation's name.
  package static let annotation = "windlass.dev/workload"

  /// The annotation's value: `deployment/web`.
  package let text: String

  /// The workload at a place.
  package init(_ place: WorkloadPlace) { text = "\(place.kind.rawValue)/\(place.name)" }

  /// Fails for a service that was adopted with another workload.
  func check(_ object: KubernetesObject, field: String) throws(ObjectError) {
    guard let adopted = object.annotations[Self.annotation], adopted != text else { return }
    throw ObjectError(
      field, "names \(text), and the service was adopted with \(adopted)",
      allowed: "Put it back. To move the service, see to it that nothing of \(adopted) runs any"
        + " more, then `kubectl annotate managedservice \(object.name) \(Self.annotation)-`.")
  }
}
