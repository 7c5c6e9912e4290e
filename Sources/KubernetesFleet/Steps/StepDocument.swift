package import WindlassCore
package import WindlassWire

/// What every step of a run reads: the service's wish as it was when the run was opened, and the
/// pinned plan.
///
/// It lies in an immutable ConfigMap that the run owns; its digest is an argument of every Job, so
/// that nothing written later changes what a step does (invariant T5).
package struct StepDocument: Hashable, Sendable {
  /// The service.
  package var service: ServiceName
  /// The `spec` of the ManagedService.
  package var spec: JSONValue
  /// The plan; nil for steps at rest.
  package var plan: Plan?

  package init(service: ServiceName, spec: JSONValue, plan: Plan?) {
    self.service = service
    self.spec = spec
    self.plan = plan
  }

  /// Why a document can't be used.
  package struct Unreadable: Error, Hashable, Sendable, CustomStringConvertible {
    /// As the rest of a sentence that begins with the document.
    package var description: String
  }

  private static let apiVersion = "windlass.dev/v1alpha1"

  /// The document as bytes; equal documents are equal bytes.
  package var bytes: [UInt8] {
    let planned: JSONValue = plan.map { .string(StepCoding.text($0)) } ?? .null
    let document: JSONValue = [
      "apiVersion": .string(Self.apiVersion), "kind": "StepPlan",
      "service": .string(service.text), "spec": spec, "plan": planned,
    ]
    return document.bytes
  }

  /// The digest of the document's bytes.
  package var digest: Digest { StepDigest.of(bytes) }

  /// Reads a document whose digest was told apart from it.
  package init(_ bytes: [UInt8], digest: Digest) throws(Unreadable) {
    let found = StepDigest.of(bytes)
    guard found == digest else {
      throw Unreadable(
        description: "has the digest \(found.text.prefix(16))…, and \(digest.text.prefix(16))… was"
          + " asked for")
    }
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue.parse(
        bytes, limits: JSONLimits(sizeMax: StepBounds.planSizeMax, depthMax: 64))
    } catch {
      throw Unreadable(description: "is not JSON (\(error.code.rawValue), line \(error.line))")
    }
    guard document["apiVersion"]?.string == Self.apiVersion, document["kind"] == "StepPlan",
      let service = document["service"]?.string, let spec = document["spec"]
    else { throw Unreadable(description: "is not of a kind that this version knows") }
    self.service = ServiceName(service)
    self.spec = spec
    guard let text = document["plan"]?.string else { return }
    guard let plan = StepCoding.read(Plan.self, Array(text.utf8)) else {
      throw Unreadable(description: "holds a plan that this version does not understand")
    }
    self.plan = plan
  }

  /// The service's wish.
  package func wish() throws(ObjectError) -> ManagedServiceSpec {
    try ManagedServiceSpec.read(spec, at: "spec")
  }
}
