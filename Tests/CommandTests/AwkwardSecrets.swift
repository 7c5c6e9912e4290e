/// Numbers that follow from a seed.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A secret that many programs trip over, and a text that has it at a place for passwords.
struct AwkwardConnection {
  var secret: String
  /// The text, which is often no URL at all.
  var text: String

  private static let awkward = Array("#@%:/?&=+ '\"\\[](){}$!*;,<>|^~`-_.éß密🔑\t")
  private static let plain = Array("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")

  init(_ numbers: inout SeededNumbers) {
    secret = Self.secret(&numbers)
    let written: String
    switch Int.random(in: 0..<5, using: &numbers) {
    case 0, 1: written = Self.encoded(secret)
    case 2: written = Self.encoded(secret).lowercased()
    case 3: written = Self.halfEncoded(secret, &numbers)
    default: written = secret
    }
    text = Self.place(written, &numbers)
    // What is cut inside a secret that stands there as it is may be a URL without any secret.
    if written != secret || Bool.random(using: &numbers) { damage(written, &numbers) }
  }

  private static func secret(_ numbers: inout SeededNumbers) -> String {
    var secret = ""
    // A letter first: digits before a slash would be a port before a database.
    secret.append(plain[Int.random(in: 0..<plain.count - 8, using: &numbers)])
    for _ in 0..<Int.random(in: 9..<30, using: &numbers) {
      let signs = Int.random(in: 0..<3, using: &numbers) == 0 ? awkward : plain
      secret.append(signs[Int.random(in: 0..<signs.count, using: &numbers)])
    }
    return secret
  }

  /// The text with its percent signs, as a URL wants it.
  static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }

  private static func halfEncoded(_ text: String, _ numbers: inout SeededNumbers) -> String {
    var written = ""
    for character in text {
      let isEncoded = Bool.random(using: &numbers)
      written += isEncoded ? encoded(String(character)) : String(character)
    }
    return written
  }

  private static let schemes = [
    "postgres://", "postgresql://", "mysql://", "mariadb://", "cockroachdb://", "sqlite://",
    "postgres:/", "postgres:", "mysql:/", "Postgres://", "postgre://", "mysql//",
  ]

  private static func place(_ secret: String, _ numbers: inout SeededNumbers) -> String {
    // The well-formed ones come as often as all others together.
    let scheme =
      schemes[Int.random(in: 0..<(Bool.random(using: &numbers) ? 4 : 12), using: &numbers)]
    // An & as it is begins another parameter, which nobody can tell from a session's setting.
    let value = secret.replacing("&", with: "%26")
    switch Int.random(in: 0..<12, using: &numbers) {
    case 0: return "\(scheme)user@host/db?password=\(value)"
    case 1: return "\(scheme)user@host/db?sslmode=require&sslpassword=\(value)"
    case 2: return "\(scheme)user@host/db?passwd=\(value)&x-migrations-table=m"
    case 3: return "\(scheme)user@host/db?PWD=\(value)"
    case 4: return "\(scheme)user:\(secret)@tcp(host:3306)/db?tls=true"
    case 5: return "\(scheme)user:\(secret)@unix(/run/s.sock)/db"
    case 6: return "\(scheme):\(secret)@host/db"
    case 7: return "\(scheme)user:\(secret)@[::1]:5432/db?connect_timeout=1"
    case 8: return "host=host user=user password=\(secret) dbname=db"
    default: return "\(scheme)user:\(secret)@host:5432/db?sslmode=disable"
    }
  }

  /// Breaks the text at one place, but never takes away what says that a password follows.
  private mutating func damage(_ written: String, _ numbers: inout SeededNumbers) {
    var characters = Array(text)
    let awkward = Self.awkward[Int.random(in: 0..<Self.awkward.count, using: &numbers)]
    let behind = characters.count - 1
    switch Int.random(in: 0..<6, using: &numbers) {
    case 0: characters.append(awkward)
    case 1: characters[behind] = awkward
    case 2 where written != secret: characters.removeLast(Int.random(in: 1..<12, using: &numbers))
    case 3: characters.insert("\n", at: behind)
    case 4: characters = Array(text.replacing("@host", with: "@ho st:port"))
    default: return
    }
    text = String(characters)
  }
}

/// Looks for a secret, and for any six characters of it, as it is and with percent signs.
struct SecretScan {
  /// Six characters each, in both forms.
  private let pieces: [String]
  /// The first six bytes of each piece, by which texts without any are passed over fast.
  private let beginnings: Set<UInt64>

  init(_ secret: String) {
    let characters = Array(secret)
    let plain = (0...max(0, characters.count - 6)).map {
      String(characters[$0..<min($0 + 6, characters.count)])
    }
    pieces = plain + plain.map(AwkwardConnection.encoded)
    beginnings = Set(pieces.map { $0.utf8.prefix(6).reduce(0) { $0 << 8 | UInt64($1) } })
  }

  /// The first piece of the secret that the text holds.
  func piece(in text: String) -> String? {
    if let found = found(in: text) { return found }
    return text.contains("%") ? found(in: Self.decoded(text)) : nil
  }

  private func found(in text: String) -> String? {
    var window: UInt64 = 0
    for byte in text.utf8 {
      window = (window << 8 | UInt64(byte)) & 0xFFFF_FFFF_FFFF
      if beginnings.contains(window) { return pieces.first { text.contains($0) } }
    }
    return nil
  }

  private static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    let all = Array(text.utf8)
    var index = 0
    while index < all.count {
      if all[index] == UInt8(ascii: "%"), index + 2 < all.count,
        let value = UInt8(String(decoding: all[index + 1...index + 2], as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        index += 3
      } else {
        bytes.append(all[index])
        index += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
