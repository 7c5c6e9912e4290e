package import WindlassCore
import WindlassWire

/// Why a request to an API server did not succeed.
///
/// Everything that decides is in `code`, `causes` and `retryAfter`, which come from the answer's
/// status, reason and causes; the server's sentences are only shown.
package struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways to fail; closed, so it may label a metric.
  package enum Code: String, Sendable, CaseIterable {
    /// The server does not know who asks.
    case unauthorized
    /// The user lacks a right; the message names the verb.
    case forbidden
    /// The namespace goes, so nothing new can be put into it.
    case namespaceTerminating
    /// The object is not there.
    case notFound
    /// The server has no such kind of object: a definition is missing, or the version is old.
    case unknownResource
    /// An object of that name is there.
    case alreadyExists
    /// The object has changed since it was read, or is not the one that was meant.
    case conflict
    /// Another manager owns a field; `causes` name the fields.
    case ownedByOthers
    /// History was lost: list again.
    case expired
    /// The server refuses the object; `causes` name the fields.
    case invalid
    /// The server can't make sense of the request.
    case badRequest
    /// The server is busy, or a budget of disruptions is used up.
    case tooManyRequests
    /// A PodDisruptionBudget allows no eviction now.
    case disruptionBudget
    /// The server gave up waiting.
    case timeout
    /// An error that the server did not classify.
    case internalError
    /// The server, or what stands before it, is not ready.
    case unavailable
    /// Nobody could be asked: no connection came about.
    case unreachable
    /// The request was sent and no whole answer came.
    case noAnswer
    /// The server's or our certificate is not accepted.
    case untrusted
    /// No credentials could be had; the message says from where.
    case noCredentials
    /// What came is no answer of an API server.
    case malformedAnswer
    /// The request can't be written down, such as a name that no path can hold.
    case badTarget
    /// The task was cancelled.
    case cancelled
  }

  /// One reason among several, such as one field of one object.
  package struct Cause: Hashable, Sendable {
    /// A word such as `FieldManagerConflict`; empty when the server gave none.
    package var reason: String
    /// Such as `.spec.replicas`; empty when no field is to blame.
    package var field: String
    /// For people.
    package var message: String
  }

  package var code: Code
  /// The status of the answer; nil when none came.
  package var status: Int?
  /// The answer's reason, such as `Conflict`; nil when it has none.
  package var reason: String?
  package var causes: [Cause]
  /// How long the server wants to be left alone.
  package var retryAfter: Interval?
  /// A fresh token for the rest of a list whose history was lost.
  package var continuation: String?
  /// Whether the request may have been carried out all the same: read back before it is repeated.
  package var mayHaveHappened: Bool
  /// What the user may lack, when the code is `forbidden`: quotas and admission refuse with that
  /// code as well.
  package var right: AccessRight?
  /// What was asked, such as `PATCH deployments.apps shop/flipt`.
  package var request: String
  /// For people: what the server said, or what went wrong here.
  package var detail: String

  package init(
    _ code: Code, request: String, detail: String, status: Int? = nil, reason: String? = nil,
    causes: [Cause] = [], retryAfter: Interval? = nil, mayHaveHappened: Bool = false
  ) {
    self.code = code
    self.request = request
    self.detail = detail
    self.status = status
    self.reason = reason
    self.causes = causes
    self.retryAfter = retryAfter
    self.mayHaveHappened = mayHaveHappened
  }

  /// What can come of asking again.
  package var disposition: Disposition {
    switch code {
    case .conflict, .expired, .tooManyRequests, .timeout, .internalError, .unavailable,
      .unreachable, .noAnswer, .malformedAnswer:
      .retry
    case .unauthorized, .forbidden, .namespaceTerminating, .unknownResource, .disruptionBudget,
      .untrusted, .noCredentials:
      .wait
    case .notFound, .alreadyExists, .ownedByOthers, .invalid, .badRequest, .badTarget, .cancelled:
      .stop
    }
  }

  /// The error in one line: what was asked, what came of it, what to do.
  package var description: String {
    var text = "\(request) failed: \(detail)"
    if !detail.hasSuffix(".") { text += "." }
    if let advice { text += " \(advice)" }
    return text
  }

  private var lack: String {
    guard let right else { return "Grant this verb to the user in a Role or ClusterRole." }
    return "Unless a quota or an admission policy refused it, the user lacks the right to \(right):"
      + " add it to the role that is bound to the user, and ask \(right.question)."
  }

  private var advice: String? {
    switch code {
    case .unauthorized: "Check the credentials of the kubeconfig or of the ServiceAccount."
    case .forbidden: lack
    case .namespaceTerminating: "Wait until the namespace is gone, or use another."
    case .unknownResource: "Install its CustomResourceDefinition, or use Kubernetes 1.30 or newer."
    case .ownedByOthers: "Let its owner leave the field out, or set adopt: true."
    case .disruptionBudget: "It is tried again when the budget allows."
    case .unreachable: "Check the server's address and the network."
    case .noAnswer where mayHaveHappened: "It may have been carried out; it is read back."
    case .untrusted: "Check certificate-authority and the client certificate."
    case .notFound, .alreadyExists, .conflict, .expired, .invalid, .badRequest, .tooManyRequests,
      .timeout, .internalError, .unavailable, .noAnswer, .noCredentials, .malformedAnswer,
      .badTarget, .cancelled:
      nil
    }
  }
}
