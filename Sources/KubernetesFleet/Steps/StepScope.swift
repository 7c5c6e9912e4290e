import WindlassCore
package import WindlassWire

/// The object that a step's Job belongs to, and goes with.
package struct StepOwner: Hashable, Sendable {
  package var type: ResourceType
  package var name: String
  package var uid: String

  /// The UpgradeRun or ManagedService.
  package init(_ type: ResourceType, name: String, uid: String) {
    self.type = type
    self.name = name
    self.uid = uid
  }

  /// The owner as objects name it.
  ///
  /// `blockOwnerDeletion` would need a right on the owner's finalizers; nothing needs the order.
  package var reference: JSONValue {
    [
      "apiVersion": .string(type.apiVersion), "kind": .string(type.kind), "name": .string(name),
      "uid": .string(uid), "controller": true, "blockOwnerDeletion": false,
    ]
  }
}

/// A claim that a container sees, and where.
package struct StepVolume: Hashable, Sendable {
  package var claim: String
  package var mountPath: String

  package init(claim: String, mountPath: String) {
    self.claim = claim
    self.mountPath = mountPath
  }
}

/// How the Jobs of one service are made.
package struct StepSettings: Hashable, Sendable {
  package var namespace: String
  /// Windlass's own image, by digest.
  package var image: String
  /// A ServiceAccount without rights; its token is not mounted.
  package var serviceAccount = "windlass-step"
  package var imagePullSecrets: [String] = []
  /// The user and group of the container, who must be able to write the claim.
  package var user: Int64 = 65_532
  /// What the container may use, and what it is sure to get, as Kubernetes writes quantities.
  package var limits = ["cpu": "1", "memory": "512Mi"]
  package var requests = ["cpu": "100m", "memory": "128Mi"]
  /// The claim that holds an SQLite database, and where its URL has it; nil for servers.
  package var databaseVolume: StepVolume?
  /// The node of the instances, where the database is a file that only one node can reach.
  package var node: String?
  /// What takes taints and labels of nodes into account.
  package var nodeSelector: [String: String] = [:]
  package var tolerations: [JSONValue] = []

  package init(namespace: String, image: String) {
    self.namespace = namespace
    self.image = image
  }
}

/// Everything that the Jobs of one run have in common.
package struct StepScope: Hashable, Sendable {
  package var settings: StepSettings
  package var document: StepDocument
  /// The wish, as the document has it.
  package let wish: ManagedServiceSpec
  package var owner: StepOwner

  /// - Throws: `ObjectError` for a `spec` that is none.
  package init(
    settings: StepSettings, document: StepDocument, owner: StepOwner
  ) throws(ObjectError) {
    self.settings = settings
    self.document = document
    self.owner = owner
    wish = try document.wish()
  }

  /// The run, or the service where no run is open.
  var run: String { document.plan?.run.text ?? document.service.text }

  /// What all objects of the scope are found by.
  var labels: [String: String] {
    [
      "app.kubernetes.io/name": "windlass-step", "app.kubernetes.io/managed-by": "windlass",
      StepLabel.service: StepName.label(document.service.text), StepLabel.run: StepName.label(run),
    ]
  }
}

/// Names of labels and annotations.
package enum StepLabel {
  package static let service = "windlass.dev/service"
  package static let run = "windlass.dev/run"
  package static let step = "windlass.dev/step"
  /// Which order; all attempts at it have the same.
  package static let order = "windlass.dev/order"
  package static let attempt = "windlass.dev/attempt"
  /// Annotations.
  package static let planDigest = "windlass.dev/plan-digest"
  package static let orderDigest = "windlass.dev/order-digest"
  /// The fence's number under which the Job was made.
  package static let epoch = "windlass.dev/epoch"
}

/// Names of objects, made of what they are for.
enum StepName {
  /// A Job's name: the run, the step and the attempt for people, a digest so that no two are one.
  static func job(_ scope: StepScope, _ order: StepOrder, attempt: Int) -> String {
    let digest = StepDigest.of(
      [scope.document.service.text, scope.run, order.text, "\(attempt)"].map {
        "\($0.utf8.count):\($0)"
      }
      .joined())
    let tail = "-\(order.kind.rawValue)-\(digest.text.prefix(12))-\(attempt)"
    return plain(scope.run, lengthMax: StepBounds.nameLengthMax - tail.utf8.count) + tail
  }

  /// The name of the ConfigMap that holds a scope's document.
  static func document(_ scope: StepScope) -> String {
    let tail = "-plan-\(scope.document.digest.text.prefix(12))"
    return plain(scope.run, lengthMax: StepBounds.nameLengthMax - tail.utf8.count) + tail
  }

  /// The value of the label by which all attempts at an order are found.
  static func order(_ scope: StepScope, _ order: StepOrder) -> String {
    String(StepDigest.of(scope.run + "\n" + order.text).text.prefix(40))
  }

  /// A text as a label's value; one that can't be is replaced by its digest.
  static func label(_ text: String) -> String {
    let isWord = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
      default: false
      }
    }
    let ends = [text.utf8.first, text.utf8.last].compactMap { $0 }
    let isClosed = ends.count == 2 && ends.allSatisfy { ![0x2D, 0x2E, 0x5F].contains($0) }
    return isWord && isClosed && text.utf8.count <= 63
      ? text : String(StepDigest.of(text).text.prefix(40))
  }

  /// The beginning of a name from any text: lower-case letters, digits and hyphens.
  private static func plain(_ text: String, lengthMax: Int) -> String {
    var bytes = text.lowercased().utf8.map { byte -> UInt8 in
      switch byte {
      case 0x30...0x39, 0x61...0x7A: byte
      default: 0x2D
      }
    }
    bytes = Array(bytes.drop { $0 == 0x2D }.prefix(lengthMax))
    while bytes.last == 0x2D { bytes.removeLast() }
    return bytes.isEmpty ? "run" : String(decoding: bytes, as: UTF8.self)
  }
}
