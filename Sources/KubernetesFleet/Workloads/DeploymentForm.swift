import WindlassCore
import WindlassWire

/// What orders mean for a Deployment.
///
/// Its controller takes old pods away as far as new ones are *available*, and makes as many new
/// ones as there is room for. A wave makes sure that no new pod ever counts as available, by a
/// `minReadySeconds` of 68 years: then the controller goes to `maxUnavailable` fewer old pods and
/// `maxSurge` more altogether, and stops there, whether anybody looks or not. With the good ones of
/// the wave before as `maxUnavailable`, that is exactly the bound. Pods of the release before keep
/// the `minReadySeconds` of their own ReplicaSet and stay available.
struct DeploymentForm: WorkloadForm {
  let settings: WorkloadSettings

  /// `progressDeadlineSeconds` that means none, and must be above `minReadySeconds`: Windlass times
  /// progress by its own clock.
  static let noDeadline = Int64(Int32.max)
  /// Readiness after which a pod of a wave counts as available.
  static let never = noDeadline - 1

  var fields: [[String]] {
    [
      ["paused"], ["minReadySeconds"], ["progressDeadlineSeconds"], ["strategy", "type"],
      ["strategy", "rollingUpdate", "maxSurge"], ["strategy", "rollingUpdate", "maxUnavailable"],
    ]
  }

  var parts: [String] { ["template", "minReadySeconds", "progressDeadlineSeconds", "strategy"] }

  func values(for aim: WorkloadAim, desired: Int) throws(StepFailure) -> [OrderedValue] {
    switch aim {
    case .wave(let bound):
      guard bound.surge + bound.replaced > 0 else {
        throw StepFailure(
          code: "BoundTooNarrow", disposition: .stop,
          message: "A Deployment can't replace a pod with none above and none below the wanted "
            + "number. Set rollout.maxSurge to at least 1.")
      }
      return values(
        ready: Self.never, deadline: Self.noDeadline, surge: bound.surge,
        unavailable: bound.replaced)
    case .whole, .retreat, .hold:
      let ready = min(settings.readySeconds, Self.never - 1)
      let patience = max(1, settings.progressDeadline.milliseconds / 1_000)
      return values(
        ready: ready, deadline: min(ready + patience, Self.noDeadline),
        surge: settings.unavailable > 0 ? max(0, settings.surge) : max(1, settings.surge),
        unavailable: max(0, settings.unavailable))
    }
  }

  private func values(
    ready: Int64, deadline: Int64, surge: Int, unavailable: Int
  ) -> [OrderedValue] {
    [
      OrderedValue("paused", to: false),
      OrderedValue("minReadySeconds", to: .integer(ready)),
      OrderedValue("progressDeadlineSeconds", to: .integer(deadline)),
      OrderedValue("strategy", "type", to: "RollingUpdate"),
      OrderedValue("strategy", "rollingUpdate", "maxSurge", to: .integer(Int64(surge))),
      OrderedValue("strategy", "rollingUpdate", "maxUnavailable", to: .integer(Int64(unavailable))),
    ]
  }

  func hold(_ live: KubernetesObject) -> [OrderedValue] { [OrderedValue("paused", to: true)] }

  func brake(_ live: KubernetesObject) -> OrderedField? {
    live.body["spec"]?["paused"] == true ? OrderedField(spec: ["paused"]) : nil
  }
}
