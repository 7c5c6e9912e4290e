package import WindlassCore
package import WindlassWire

/// Limits of the client, all in one place.
package enum ClientBounds {
  /// Bytes of one answer that is not a watch; a page of objects is far below it.
  package static let answerSizeMax: Int64 = 64 * 1_048_576
  /// Bytes of one event of a watch; an object has at most about 3 MiB.
  package static let eventSizeMax = 8 * 1_048_576
  /// Bytes of a refusal to watch: a status of a few lines.
  package static let refusalSizeMax = 16_384
  /// Objects asked for at once.
  package static let pageSize = 500
  /// Pages of one list; a list that has more is refused rather than cut.
  package static let pagesMax = 2_000
  /// How often a list whose history was lost begins again before it is asked for in one piece.
  package static let listRestartsMax = 3
  /// Time for one answer that is not a watch.
  package static let answerDeadline = Interval.seconds(32)
  /// Time for one answer to a request that must not wait for long, such as a Lease's renewal.
  package static let urgentDeadline = Interval.seconds(5)
  /// Attempts of a request whose repetition is harmless.
  package static let attemptsMax = 5
  /// The longest time that a server's `Retry-After` is obeyed without asking again.
  package static let retryAfterMax = Interval.minutes(2)
  /// The first and the longest pause between attempts.
  package static let retryDelay = Interval.milliseconds(250)
  package static let retryDelayMax = Interval.seconds(30)
  /// Requests per second in the long run, and at once, as controllers usually have.
  package static let requestRate = 20
  package static let requestBurst = 30
  /// How long a watch is asked to last; a random time up to twice that, so that not all end at
  /// once.
  package static let watchDuration = Interval.minutes(5)
  /// The longest silence of a watch. Bookmarks come about once a minute, but nobody promises them:
  /// a longer silence costs one request.
  package static let watchSilenceMax = Interval.seconds(150)
  /// Events that may wait for their reader; one more ends the watch, which is then resumed.
  package static let eventsWaitingMax = 20_000
  /// Bytes of a kubeconfig, of a token file, and of what a plug-in prints.
  package static let configurationSizeMax = 4 * 1_048_576
  package static let tokenSizeMax = 65_536
  package static let pluginOutputMax = 1_048_576
  /// How long a plug-in may take: longer than a sign-in over a slow network, shorter than forever.
  package static let pluginDeadline = Interval.seconds(60)
  /// How long a token that was read from a file is used without reading the file again.
  package static let tokenAgeMax = Interval.seconds(60)
  /// How long before its end a credential is replaced.
  package static let expiryMargin = Interval.seconds(10)

  /// What documents of a server may cost to read.
  package static let documentLimits = JSONLimits(
    sizeMax: Int(answerSizeMax), depthMax: 128, elementsMax: 1_000_000)
}
