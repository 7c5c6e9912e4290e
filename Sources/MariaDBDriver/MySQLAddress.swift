package import WindlassCore
package import WindlassSchema

/// Where a MySQL or MariaDB database is, and how it is reached.
package struct MySQLAddress: Hashable, Sendable {
  /// The server's own address.
  package enum Place: Hashable, Sendable {
    case host(String, port: UInt32)
    /// The path of a UNIX socket.
    case socket(String)
  }

  /// How far the connection is protected.
  package enum Protection: Hashable, Sendable {
    case none
    /// Encrypted; whose certificate it is, nobody checks.
    case encrypted
    /// Encrypted, and the certificate is checked for the host's name.
    case verified
  }

  package var place: Place
  package var user: String
  package var password: Secret
  package var database: String
  package var protection: Protection
  /// PEM files; nil for the system's own authorities and no certificate of ours.
  package var authorities: String?
  package var certificate: String?
  package var key: String?
  /// What `x-migrations-table` says.
  package var ledgerTable: String?
  /// What the address's user is for; nil for a URL from the command line.
  package var role: DatabaseRole?

  /// The URL as it was given; nil for an address put together otherwise.
  var source: Secret?

  package init(
    place: Place, user: String, password: Secret = Secret(""), database: String,
    protection: Protection = .none, authorities: String? = nil, certificate: String? = nil,
    key: String? = nil, ledgerTable: String? = nil
  ) {
    self.place = place
    self.user = user
    self.password = password
    self.database = database
    self.protection = protection
    self.authorities = authorities
    self.certificate = certificate
    self.key = key
    self.ledgerTable = ledgerTable
  }

  /// The database's name for a person: never with a password.
  package var name: String {
    switch place {
    case .host(let host, let port): "\(database) on \(host):\(port)"
    case .socket(let path): "\(database) on \(path)"
    }
  }

  /// The address's user for a person, behind an article.
  var whom: String { DatabaseRole.words(user: user.isEmpty ? nil : user, role) }

  /// The URL without its password.
  package var publicURL: String {
    switch place {
    case .host(let host, let port):
      let text = host.contains(":") ? "[\(host)]" : host
      return "mysql://\(Self.encoded(user))@\(text):\(port)/\(Self.encoded(database))"
    case .socket(let path):
      return "mysql://\(Self.encoded(user))@localhost/\(Self.encoded(database))?socket=\(path)"
    }
  }

  /// The URL of another database on the same server for another user, in the form in which the
  /// service's own client got its URL.
  func url(of database: String, for role: MySQLScratchRole) -> Secret {
    let login = "\(Self.encoded(role.user)):\(Self.encoded(role.password.reveal()))@"
    let text = source?.reveal() ?? publicURL
    let path = text.prefix { $0 != "?" }
    guard let mark = path.firstRange(of: "://"), let slash = path.lastIndex(of: "/") else {
      return Secret(text)
    }
    let start = path.lastIndex(of: "@").map { path.index(after: $0) } ?? mark.upperBound
    return Secret(
      path[..<mark.upperBound] + login + path[start...slash] + Self.encoded(database)
        + text[path.endIndex...])
  }

  /// The same server with another database.
  package func with(database: String) -> MySQLAddress {
    var copy = self
    copy.database = database
    copy.source = nil
    return copy
  }

  static func encoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
      }
    }
    return result
  }
}
