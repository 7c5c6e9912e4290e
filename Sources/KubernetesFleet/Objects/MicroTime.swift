import WindlassCore

extension Timestamp {
  /// The time as Leases and Events have it: with exactly six digits of a second, or the server
  /// refuses it.
  var microTime: String {
    let fraction = ((milliseconds % 1_000) + 1_000) % 1_000
    let digits = String(fraction)
    return String(rfc3339.dropLast()) + "." + String(repeating: "0", count: 3 - digits.count)
      + digits + "000Z"
  }
}
