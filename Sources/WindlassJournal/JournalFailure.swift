import WindlassCore

/// The failures of a journal, with what a person does about them.
enum JournalFailure {
  /// The journal is not what was written.
  static func corrupt(_ reason: String, head path: String) -> StepFailure {
    StepFailure(
      code: "JournalCorrupt", disposition: .stop,
      message:
        "The journal beside \(path) is not what Windlass wrote: \(reason). Nothing is done on "
        + "it. Put the state directory back from a copy; without one, move the journal's files "
        + "away, and the daemon looks at the database and the instances as on first contact.")
  }

  /// A later build wrote the journal.
  static func newer(_ format: Int64, head path: String) -> StepFailure {
    StepFailure(
      code: "JournalNewer", disposition: .stop,
      message: "The journal beside \(path) has the format \(format), and this build of Windlass "
        + "reads formats up to \(JournalSchema.format). Run the build that wrote it, or a later "
        + "one."
    )
  }

  /// An earlier append failed.
  static func poisoned(by cause: StepFailure) -> StepFailure {
    StepFailure(
      code: "JournalPoisoned", disposition: .stop,
      message:
        "Nothing more is written to the journal, because an earlier record may not be on the "
        + "disk (\(cause.message)) Start the daemon again once the cause is gone; it then reads "
        + "back what happened.")
  }

  /// A record holds more than a record may.
  static func tooLarge(_ record: JournalRecord) -> StepFailure {
    StepFailure(
      code: "RecordTooLarge", disposition: .stop,
      message: "A journal record of the service \(record.service) (\(record.kind.rawValue)) has "
        + "\(record.payload.utf8.count) bytes, and at most \(Bounds.journalPayloadMax) are "
        + "allowed. Nothing was written. This is a defect of Windlass; please report it.")
  }
}
