/// Names that nobody else has.
enum RandomName {
  /// 32 hexadecimal digits from the system's generator.
  static func make() -> String {
    (0..<16).map { _ in
      let byte = UInt8.random(in: .min ... .max)
      return String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
  }
}
