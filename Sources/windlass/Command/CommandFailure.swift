import WindlassCore
import WindlassWire

/// Why a command did not do its work, as the person who typed it reads it.
struct CommandFailure: Error, Hashable {
  /// How the program ends.
  var status: ExitStatus
  /// A stable CamelCase word for machines.
  var code: String
  /// One paragraph: what happened, to which object, and what to do next; no secrets.
  var message: String

  /// Makes a failure.
  init(_ status: ExitStatus, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  /// Makes the failure that stands for any error; the one place where errors get exit codes.
  init(_ error: any Error) {
    switch error {
    case let failure as CommandFailure:
      self = failure
    case let failure as StepFailure:
      self.init(ExitStatus(of: failure), failure.code, failure.message)
    case let failure as HTTPError:
      self.init(.failed, "TransferFailed", failure.message)
    case is CancellationError:
      self.init(.failed, "Cancelled", "The command was cancelled before it was done; run it again.")
    default:
      self.init(.failed, "Unexpected", "\(error)")
    }
  }
}

extension ExitStatus {
  /// The exit code of a failed step, by the step's code.
  init(of failure: StepFailure) {
    self = ExitStatus.statusByCode[failure.code] ?? .failed
  }

  /// The step failures that are more than "failed". A code that is missing here ends with 1.
  private static let statusByCode: [String: ExitStatus] = [
    "BadArgument": .usage,
    "BadURL": .usage,
    "LossNotNamed": .usage,
    "ProofUnsafe": .unsafe,
    "ProofUnknown": .unknown,
    "RehearsalCancelled": .unknown,
    "ContractPending": .pending,
    "DirtyLedger": .dirty,
    "ChangedFile": .dirty,
    "MissingFile": .dirty,
    "LateFile": .dirty,
    "LateMigration": .dirty,
    "LedgerMalformed": .dirty,
    "SchemaDrift": .dirty,
    "LockNotObtained": .locked,
    "MigrationRunning": .locked,
    "DatabaseLocked": .locked,
    "WriterActive": .locked,
  ]
}
