package import WindlassCore

/// Which server a rehearsal needs next, as its step tells the daemon.
package struct VisitQuestion: Hashable, Codable, Sendable {
  /// Tells one rehearsal of a run from the next.
  package var generation: String
  /// Visits before this one.
  package var turn: Int
  /// Whose server it is.
  package var version: Version
  /// The release's image, by digest.
  package var image: String
  /// What the rehearsal wants to know, in words of its own that only the proof reads.
  package var request: String
  /// The copy's URL, where that is a file; nil where a Secret has it.
  package var copyURL: String?
  /// The copy's folder on the volume, where it is a file.
  package var copyFolder: String?
  /// What a rehearsed server must not be able to reach, each `ADDRESS:PORT`; nil where nobody asks
  /// for isolation.
  package var forbidden: [String]?

  package init(
    generation: String, turn: Int, version: Version, image: String, request: String,
    copyURL: String? = nil, copyFolder: String? = nil, forbidden: [String]?
  ) {
    self.generation = generation
    self.turn = turn
    self.version = version
    self.image = image
    self.request = request
    self.copyURL = copyURL
    self.copyFolder = copyFolder
    self.forbidden = forbidden
  }
}

/// What became of a visit, as the daemon tells the rehearsal's next step.
package struct VisitOutcome: Hashable, Codable, Sendable {
  package var generation: String
  package var turn: Int
  /// What the probes found, in the proof's own words; nil when they were never put.
  package var account: String?
  /// Why they were not, as a sentence.
  package var refusal: String?
  /// How the server's container fared.
  package var server: ServerEnd

  package init(
    generation: String, turn: Int, account: String?, refusal: String? = nil,
    server: ServerEnd = ServerEnd()
  ) {
    self.generation = generation
    self.turn = turn
    self.account = account
    self.refusal = refusal
    self.server = server
  }
}

/// How the container of a rehearsed server fared, as its kubelet tells.
package struct ServerEnd: Hashable, Codable, Sendable {
  /// How it ended by itself; nil when it ran until it was told to stop.
  package var exitCode: Int32?
  /// Such as `OOMKilled`; empty for none.
  package var reason = ""
  /// The last lines that it wrote before that.
  package var output = ""

  package init(exitCode: Int32? = nil, reason: String = "", output: String = "") {
    self.exitCode = exitCode
    self.reason = reason
    self.output = output
  }
}
