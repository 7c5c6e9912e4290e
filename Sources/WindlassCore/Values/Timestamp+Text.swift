/// Times as documents write them (RFC 3339).
extension Timestamp {
  /// Reads `2026-11-20T10:00:00Z`, with an optional fraction and any offset; nil for anything
  /// else, for a day that its month does not have, and for times before 1970.
  ///
  /// A fraction is cut to milliseconds. A leap second is refused, as the Unix epoch has none.
  public init?(rfc3339 text: String) {
    var scanner = DigitScanner(text)
    guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2),
      scanner.take("-"), let day = scanner.number(2), scanner.take("T"),
      let hour = scanner.number(2), scanner.take(":"), let minute = scanner.number(2),
      scanner.take(":"), let second = scanner.number(2),
      let fraction = scanner.milliseconds(), let offset = scanner.offset(), scanner.isAtEnd,
      year >= 1970, (1...12).contains(month),
      (1...CivilDay.count(inMonth: month, of: year)).contains(day),
      hour < 24, minute < 60, second < 60
    else { return nil }
    let days = CivilDay.sinceEpoch(year: year, month: month, day: day)
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
    guard seconds >= 0 else { return nil }
    self.init(milliseconds: seconds * 1_000 + fraction)
  }

  /// The time in UTC, to the second: `2026-11-20T10:00:00Z`.
  public var rfc3339: String {
    let seconds = milliseconds.flooredQuotient(by: 1_000)
    let day = seconds.flooredQuotient(by: 86_400)
    let second = seconds - day * 86_400
    let date = CivilDay.date(daysSinceEpoch: day)
    let (hour, minute) = (second / 3_600, second / 60 % 60)
    return "\(date.year.padded(to: 4))-\(date.month.padded(to: 2))-\(date.day.padded(to: 2))"
      + "T\(hour.padded(to: 2)):\(minute.padded(to: 2)):\((second % 60).padded(to: 2))Z"
  }
}

/// The Gregorian calendar as days since 1970-01-01.
private enum CivilDay {
  static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  static func count(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  static func sinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let before = year - 1
    // 719,162 days lie before the epoch in this calendar.
    let years = before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    let months = (1..<month).reduce(0) { $0 + count(inMonth: $1, of: year) }
    return years + months + day - 1
  }

  static func date(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    // The mean year gives the right one or the one after it.
    var year = 1970 + daysSinceEpoch.flooredQuotient(by: 365)
    while sinceEpoch(year: year, month: 1, day: 1) > daysSinceEpoch { year -= 1 }
    var rest = daysSinceEpoch - sinceEpoch(year: year, month: 1, day: 1)
    var month: Int64 = 1
    while rest >= count(inMonth: month, of: year) {
      rest -= count(inMonth: month, of: year)
      month += 1
    }
    return (year, month, rest + 1)
  }
}

/// Reads digits and marks of fixed places from the front of a text.
private struct DigitScanner {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = Substring(text).utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func take(_ mark: Character) -> Bool {
    guard let byte = mark.asciiValue, rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number(_ count: Int) -> Int64? {
    let digits = rest.prefix(count)
    guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    rest.removeFirst(count)
    return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }

  /// An optional fraction of a second; nil for a point without digits.
  mutating func milliseconds() -> Int64? {
    guard take(".") else { return 0 }
    var value: Int64 = 0
    var count = 0
    while let digit = number(1) {
      if count < 3 { value = value * 10 + digit }
      count += 1
    }
    guard count > 0 else { return nil }
    for _ in min(count, 3)..<3 { value *= 10 }
    return value
  }

  /// Minutes east of UTC.
  mutating func offset() -> Int64? {
    if take("Z") { return 0 }
    let isEast = take("+")
    guard isEast || take("-"), let hours = number(2), hours < 24, take(":"),
      let minutes = number(2), minutes < 60
    else { return nil }
    return (isEast ? 1 : -1) * (hours * 60 + minutes)
  }
}

extension Int64 {
  /// The quotient rounded down, also for negative numbers.
  fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }

  fileprivate func padded(to width: Int) -> String {
    let digits = String(self)
    return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
  }
}
