import WindlassCore

/// The failures of a journal in a cluster, with what a person does about them.
enum JournalTrouble {
  /// The one action that helps when nothing can be put back.
  private static func forgetting(_ service: ObjectReference) -> String {
    "When no Job of the service runs any more, write `kubectl annotate managedservice "
      + "\(service.name) -n \(service.namespace ?? "") "
      + "\(JournalMark.annotation)=\(JournalMark.forgotten) --overwrite`: Windlass then looks at "
      + "the database and the instances as on first contact."
  }

  /// Records that were durable are no longer there.
  static func lost(
    _ service: ObjectReference, in object: ObjectReference, upTo number: UInt64
  ) -> StepFailure {
    StepFailure(
      code: "JournalLost", disposition: .stop,
      message:
        "The journal of \(service) had records up to \(number) in the status of \(object), and "
        + "they are not there any more: somebody deleted the object or wrote over its status. "
        + "Nothing is done on what is left. Put the object back with its status and uid, or "
        + "restore the cluster's storage. \(forgetting(service))")
  }

  /// What stands there is not what was written.
  static func corrupt(
    _ service: ObjectReference, in object: ObjectReference, _ reason: String
  ) -> StepFailure {
    StepFailure(
      code: "JournalCorrupt", disposition: .stop,
      message:
        "The journal of \(service) in the status of \(object) is not what Windlass wrote: "
        + "\(reason). Nothing is done on it. Put the status back as it was. "
        + forgetting(service))
  }

  /// A later build wrote it.
  static func newer(_ service: ObjectReference, _ format: Int64) -> StepFailure {
    StepFailure(
      code: "JournalNewer", disposition: .stop,
      message: "The journal of \(service) has the format \(format), and this build of Windlass "
        + "reads formats up to \(JournalPage.format). Run the build that wrote it, or a later one.")
  }

  /// Somebody else appends to the same journal.
  static func taken(_ object: ObjectReference) -> StepFailure {
    StepFailure(
      code: "JournalTaken", disposition: .stop,
      message: "Somebody else has written the journal in \(object) since it was read: another "
        + "Windlass leads, or led until now. Nothing was written over; what it wrote is read "
        + "when the service is taken up again.")
  }

  /// The object is not there, or is another one of the same name.
  static func gone(_ object: ObjectReference) -> StepFailure {
    StepFailure(
      code: "JournalGone", disposition: .stop,
      message: "\(object) was deleted, and the service's journal in it. If the service is to go "
        + "on, see what is said of a lost journal when it is taken up again.")
  }

  /// Nobody knows whether the record is there.
  static func unknown(_ object: ObjectReference, _ cause: StepFailure) -> StepFailure {
    StepFailure(
      code: "JournalFailed", disposition: .stop,
      message: "A record could not be brought into \(object), or nobody knows whether it was "
        + "(\(cause.message)) It is read back when the service is taken up again.")
  }

  /// The server keeps something else than what it was sent.
  static func altered(_ object: ObjectReference) -> StepFailure {
    StepFailure(
      code: "JournalAltered", disposition: .stop,
      message: "The server did not store the journal in \(object) as it was sent. Install the "
        + "definitions of this version of Windlass (deploy/crds), and let no webhook change the "
        + "status of managedservices and upgraderuns.")
  }

  /// An earlier append failed.
  static func poisoned(_ service: ServiceName, by cause: StepFailure) -> StepFailure {
    StepFailure(
      code: "JournalPoisoned", disposition: .stop,
      message: "Nothing more is written to the journal of \(service), because an earlier record "
        + "may not be there (\(cause.message)) The service is taken up again from what is.")
  }

  /// A record holds more than a record may.
  static func tooLarge(_ record: JournalRecord, _ size: Int) -> StepFailure {
    StepFailure(
      code: "RecordTooLarge", disposition: .stop,
      message: "A record of \(record.service) (\(record.kind.rawValue)) has \(size) bytes, and an "
        + "object of the cluster takes \(RunBounds.recordSizeMax). Nothing was written. Shorten "
        + "the notes of the releases in the manifest, which are pinned with the plan.")
  }

  /// What may not be dropped fills the object.
  static func full(_ record: JournalRecord) -> StepFailure {
    StepFailure(
      code: "JournalFull", disposition: .stop,
      message: "There is no room for another record of \(record.service): what may not be dropped "
        + "has \(RunBounds.journalSizeMax) bytes or \(RunBounds.entriesMax) entries. Nothing was "
        + "written. This is a defect of Windlass; please report it.")
  }

  /// The plan holds more than a run's object takes.
  static func planTooLarge(_ run: RunID, _ size: Int) -> StepFailure {
    StepFailure(
      code: "PlanTooLarge", disposition: .stop,
      message: "The plan of \(run) has \(size) bytes, and an UpgradeRun takes "
        + "\(RunBounds.planSizeMax). Nothing was begun. Shorten the notes of the two releases in "
        + "the manifest, or split the hop.")
  }

  /// A run of that name belongs to somebody else.
  static func nameTaken(_ object: ObjectReference, _ service: ObjectReference) -> StepFailure {
    StepFailure(
      code: "RunNameTaken", disposition: .stop,
      message: "\(object) is there already and does not belong to \(service). If it is left over "
        + "from a deleted service of the same name, wait until it is collected, or delete it.")
  }

  /// There is no such service.
  static func missing(_ service: ObjectReference) -> StepFailure {
    StepFailure(
      code: "ServiceMissing", disposition: .stop,
      message: "There is no \(service), and so no place for its journal. Create it.")
  }
}
