/// Cuts what a client sends into requests: what it sends until it waits for a reply.
struct WireFraming {
  /// Whose protocol it is.
  enum Wire: Sendable {
    case mysql, postgres
  }

  /// A piece of what a client sends, which goes on as a whole.
  struct Piece {
    var bytes: [UInt8]
    /// The statement, or the name of the command, of a request; nil for what is none, such as the
    /// words by which a client says who it is.
    var request: String?
  }

  private let wire: Wire
  private var rest: [UInt8] = []
  /// The parts of a request whose end has not come.
  private var held: [UInt8] = []
  private var texts: [String] = []
  /// The statements that the server keeps, by their names.
  private var names: [String: String] = [:]
  /// PostgreSQL's first message has no letter in front.
  private var isGreeted = false

  init(_ wire: Wire) { self.wire = wire }

  /// Takes bytes, and gives back the pieces that are complete with them.
  mutating func take(_ bytes: some Collection<UInt8>) -> [Piece] {
    rest += bytes
    var pieces: [Piece] = []
    while let piece = wire == .mysql ? nextOfMySQL() : nextOfPostgres() {
      if !piece.bytes.isEmpty { pieces.append(piece) }
    }
    return pieces
  }

  /// A packet: three bytes of length, the number in its exchange, and the payload. A number of 0
  /// begins an exchange; what comes before the first one is the login.
  private mutating func nextOfMySQL() -> Piece? {
    guard rest.count >= 4 else { return nil }
    let length = Int(rest[0]) | Int(rest[1]) << 8 | Int(rest[2]) << 16
    guard rest.count >= 4 + length else { return nil }
    let bytes = Array(rest[..<(4 + length)])
    rest.removeFirst(4 + length)
    let (quit, query): (UInt8, UInt8) = (1, 3)
    guard bytes[3] == 0, length > 0, bytes[4] != quit else { return Piece(bytes: bytes) }
    let text = bytes[4] == query ? String(decoding: bytes[5...], as: UTF8.self) : "#\(bytes[4])"
    return Piece(bytes: bytes, request: text)
  }

  /// A message: a letter, four bytes of length that count themselves, and the payload. A simple
  /// query is a request; so is a series of other messages up to a Sync.
  private mutating func nextOfPostgres() -> Piece? {
    let letter = isGreeted ? 1 : 0
    guard rest.count >= letter + 4 else { return nil }
    let length = rest[letter..<(letter + 4)].reduce(0) { $0 << 8 | Int($1) }
    guard rest.count >= letter + length else { return nil }
    let bytes = Array(rest[..<(letter + length)])
    rest.removeFirst(letter + length)
    guard isGreeted else {
      isGreeted = true
      return Piece(bytes: bytes)
    }
    let payload = bytes.dropFirst(5)
    switch Character(UnicodeScalar(bytes[0])) {
    case "Q": return Piece(bytes: bytes, request: Self.word(payload))
    // The name of what is prepared comes before the statement.
    case "P": names[Self.word(payload)] = Self.word(payload.drop { $0 != 0 }.dropFirst())
    // The name of what is carried out comes behind that of its portal.
    case "B": texts.append(names[Self.word(payload.drop { $0 != 0 }.dropFirst())] ?? "")
    case "S":
      defer { (held, texts) = ([], []) }
      return Piece(bytes: held + bytes, request: texts.joined(separator: "; "))
    case "C", "D", "E": break
    default: return Piece(bytes: bytes)
    }
    held += bytes
    return Piece(bytes: [])
  }

  private static func word(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// Finds the ends of replies in what a server sends to a client that may ask ahead.
struct WireReplies {
  private var rest: [UInt8] = []

  /// Takes bytes of PostgreSQL's, and gives back how many of them belong to replies that are
  /// complete with them, one number for each reply.
  mutating func ends(in bytes: some Collection<UInt8>) -> [Int] {
    let known = rest.count
    rest += bytes
    var ends: [Int] = []
    var start = 0
    while rest.count >= start + 5 {
      let length = rest[(start + 1)..<(start + 5)].reduce(0) { $0 << 8 | Int($1) }
      guard rest.count >= start + 1 + length else { break }
      let isEnd = rest[start] == UInt8(ascii: "Z")
      start += 1 + length
      if isEnd { ends.append(start - known) }
    }
    rest.removeFirst(start)
    return ends
  }
}
