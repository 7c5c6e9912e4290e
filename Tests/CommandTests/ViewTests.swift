import Testing
import WindlassWire

@testable import windlass

@Suite struct ViewTests {
  private let run: JSONValue = [
    "id": "beacon-3", "from": "1.0.0", "to": "1.1.1", "ending": "rolledBack",
    "verdict": "safe", "code": "AnalysisFailed", "reason": "instance beacon-9 was not ready",
    "evidence": ["old server on new schema: 12 of 12", "new server: 12 of 12"],
    "endedAt": 1_795_469_825_000,
  ]

  @Test func `status shows everything that a person asks first`() throws {
    let body: JSONValue = [
      "service": "beacon", "phase": "roll", "run": "beacon-4", "direction": "forward",
      "deployedVersion": "1.0.0", "targetVersion": "1.1.0", "schemaVersion": "4",
      "paused": true, "blockedReason": "the ledger is dirty", "retrying": "disk full",
      "conditions": [
        ["type": "Ready", "status": "False", "reason": "NotAsWanted", "message": "2/3 ready"],
        ["type": "Degraded", "status": "False", "reason": "AsExpected", "message": ""],
      ],
      "instances": [
        [
          "id": "beacon-7", "release": "1.0.0", "life": "alive", "ready": true, "good": true,
          "detail": "",
        ],
        [
          "id": "beacon-8", "release": "1.1.0", "life": "unknown", "ready": false, "good": false,
          "detail": "no answer\u{1B}[2J",
        ],
      ],
      "steps": [
        ["name": "backUp", "state": "done"], ["name": "roll", "state": "current"],
        ["name": "soak", "state": "pending"],
      ],
      "quarantined": [
        ["version": "1.1.1", "build": "ab", "code": "Crashed", "reason": "exit status 70"]
      ],
      "lastRuns": [run],
    ]
    let capture = try Capture()
    StatusView.show(body, capture.output)
    try expectGolden(capture.text, "status.txt")
  }

  @Test func `a status with nothing in it is shown without a fault`() throws {
    let capture = try Capture()
    StatusView.show([:], capture.output)
    PlanView.show([:], capture.output)
    HistoryView.show([:], capture.output)
    NotesView.show([:], capture.output)
    #expect(
      try capture.text
        == "? unknown\nNo run has ended yet.\nNo release is above the deployed one.\n")
  }

  @Test func `one run is shown with its evidence`() throws {
    let capture = try Capture()
    HistoryView.show(["runs": [run]], capture.output)
    #expect(
      try capture.text == """
        RUN       FROM   TO     ENDING      VERDICT  ENDED                 REASON
        beacon-3  1.0.0  1.1.1  rolledBack  safe     2026-11-23 21:37:05Z  instance beacon-9 was not ready
          old server on new schema: 12 of 12
          new server: 12 of 12

        """)
  }

  @Test func `an answer without a body is a message, or an error when it failed`() throws {
    let capture = try Capture(isJSON: true)
    let paused = ControlResponse(status: .done, message: "beacon is paused", body: .null)
    #expect(try capture.output.show(paused) == .done)
    #expect(try capture.text == "{\"message\":\"beacon is paused\"}\n")
    let refused = ControlResponse(status: .failed, message: "No run is open.", body: .null)
    #expect(throws: CommandFailure(.failed, "Refused", "No run is open.")) {
      try capture.output.show(refused)
    }
  }

  @Test func `several services are a JSON object a line`() throws {
    let capture = try Capture(isJSON: true)
    let body: JSONValue = ["services": [["service": "a"], ["service": "b"]]]
    let response = ControlResponse(status: .done, message: "", body: body)
    #expect(try capture.output.show(response, StatusView.show) == .done)
    #expect(try capture.text == "{\"service\":\"a\"}\n{\"service\":\"b\"}\n")
  }
}
