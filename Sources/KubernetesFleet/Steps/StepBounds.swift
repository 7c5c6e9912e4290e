package import WindlassCore

/// Limits of steps, all in one place.
package enum StepBounds {
  /// Bytes of a termination message; the server cuts at 4 KiB.
  package static let messageSizeMax = 3_072
  /// Bytes of a plan's document: an object has at most about 1 MiB.
  package static let planSizeMax = 786_432
  /// Bytes of an order; it stands in a command line and in an annotation.
  package static let orderSizeMax = 65_536
  /// Characters of a Job's name: it becomes the value of a label.
  package static let nameLengthMax = 63
  /// Time for a pod to be bound, its image to be pulled and its program to begin.
  package static let start = Interval.minutes(10)
  /// Time for a step that asks a few questions.
  package static let shortDeadline = Interval.minutes(15)
  /// Time for a rehearsed server to begin, to be isolated, and to answer all of its probes.
  package static let visit = Interval.minutes(20)
  /// Time between the signals for a rehearsed server, whose copy nobody needs any more.
  package static let visitGrace = Interval.seconds(10)
  /// How long a pod may reach what it must not before it is said to: a network needs a moment for
  /// the rules of a new pod.
  package static let isolationPatience = Interval.seconds(60)
  /// Time for one connection that must fail.
  package static let forbiddenConnection = Interval.seconds(2)
  /// Bytes of what a rehearsal wants to know of one server: it has to fit into a message.
  package static let requestSizeMax = 1_536
  /// Visits of one rehearsal; there are five parts with a server.
  package static let visitsMax = 8
  /// Rehearsals that one call begins anew because they were cut off.
  package static let rehearsalsMax = 3
  /// How long one Job of a backfill works before it tells how far it came.
  package static let backfillSlice = Interval.minutes(1)
  /// How long a pod may fail to begin for one and the same reason before the Job is given up.
  package static let stuckMax = Interval.minutes(2)
  /// How often a Job is read while a watch would tell what changes, and while none would.
  package static let readInterval = Interval.seconds(30)
  package static let blindReadInterval = Interval.seconds(2)
  /// Longest pause between two attempts to read after failures.
  package static let readDelayMax = Interval.seconds(30)
  /// How long beyond its deadline a Job's end is waited for.
  package static let patience = Interval.minutes(10)
  /// How often the creation of one object is tried whose reply was lost.
  package static let createAttemptsMax = 4
  /// Pods that one step asks: their answers have to fit into its message.
  package static let podsAsked = 16
  /// Pods whose ends are remembered.
  package static let podsRememberedMax = 1_024
  /// Time between SIGTERM and SIGKILL for a step: enough for the statement or batch under way.
  package static let grace = Interval.seconds(60)
  /// How far what is read may be ahead of what a watch tells.
  package static let watchDelayMax = Interval.seconds(5)
  /// How often everything is told again by the watch.
  package static let resync = Interval.minutes(5)
  /// Failed attempts of one reading step that stay to be looked at.
  package static let failedReadingsKept = 3
}
