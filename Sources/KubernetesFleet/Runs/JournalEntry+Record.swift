import WindlassCore
import WindlassWire

extension JournalEntry {
  /// A record as an object has it; its sequence must be set.
  init(_ record: JournalRecord) {
    self.init()
    number = Int64(clamping: record.sequence)
    time = record.at.microTime
    kind = record.kind.rawValue
    run = record.run?.text
    effect = record.effect?.text
    text = record.payload
  }

  /// The record; nil where only the effect's name is left of it.
  func record(of service: ServiceName) -> JournalRecord? {
    guard let text, let kind = JournalKind(rawValue: kind), let at = Timestamp(rfc3339: time)
    else { return nil }
    return JournalRecord(
      sequence: UInt64(clamping: number), service: service, run: run.map { RunID($0) },
      kind: kind, effect: effect.map { EffectID($0) }, at: at, payload: text)
  }

  /// Whether this build knows its kind and time.
  var isReadable: Bool {
    JournalKind(rawValue: kind) != nil && Timestamp(rfc3339: time) != nil
  }

  /// Bytes of the text as it stands in JSON.
  var textSize: Int { text.map { JSONValue.string($0).bytes.count } ?? 0 }

  /// Bytes of the entry in JSON, with some to spare for what stands between the fields.
  var size: Int { textSize + (run ?? "").utf8.count + (effect ?? "").utf8.count + 160 }

  /// The entry as it is sent.
  var json: JSONValue {
    var members = [
      JSONMember("number", .integer(number)), JSONMember("time", .string(time)),
      JSONMember("kind", .string(kind)),
    ]
    if let run { members.append(JSONMember("run", .string(run))) }
    if let effect { members.append(JSONMember("effect", .string(effect))) }
    if let text { members.append(JSONMember("text", .string(text))) }
    return .object(members)
  }
}
