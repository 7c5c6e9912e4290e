import MariaDBDriver
import PostgresDriver
import SQLiteDriver
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

/// Ten thousand texts with awkward secrets, most of them wrong in some way, given to everything
/// that reads a database's URL: nothing that a person or a machine is told holds a piece of one.
@Suite(.serialized) struct SecretCampaignTests {
  @Test(arguments: 0..<10)
  func `no error, log or value tells a secret`(part: UInt64) throws {
    var numbers = SeededNumbers(seed: 0x5EC2E7 + part)
    var refused = 0
    for index in 0..<1_000 {
      let connection = AwkwardConnection(&numbers)
      let scan = SecretScan(connection.secret)
      var told: [String] = []
      refused += Self.read(connection.text, into: &told)
      Self.refer(connection.text, into: &told)
      // Reading YAML takes the most time by far.
      if index % 4 == 0 { Self.configure(connection.text, variant: index / 4, into: &told) }
      for text in Set(told) {
        let piece = scan.piece(in: text)
        #expect(
          piece == nil,
          "part \(part), number \(index): \(connection.text) told \(piece ?? "") in \(text)")
        if piece != nil { return }
      }
    }
    // A campaign in which nothing is refused, or everything, would show nothing.
    #expect((100..<2_900).contains(refused), "\(refused)")
  }

  @Test func `the scan finds pieces of a secret in every form`() {
    let scan = SecretScan("a/b?c:d eé")
    #expect(scan.piece(in: "see a/b?c:d") != nil)
    #expect(scan.piece(in: "see b%3Fc%3ad%20e") != nil)
    #expect(scan.piece(in: "see c%3Ad%20e%C3%A9") != nil)
    #expect(scan.piece(in: "a/b?c d e %C3%A9") == nil)
  }

  /// All that can be seen of a value without `reveal()`.
  private static func forms(of value: Any) -> [String] {
    var dumped = ""
    dump(value, to: &dumped)
    let children = Mirror(reflecting: value).children.map { "\($0.label ?? "") \($0.value)" }
    return ["\(value)", String(reflecting: value), dumped] + children
  }

  /// What is told of a failure: as a value, by a command for people, and by one for machines.
  private static func forms(ofFailure error: any Error) -> [String] {
    let failure = CommandFailure(error)
    let report: JSONValue = ["message": .string(failure.message)]
    return forms(of: error) + [failure.message, failure.code, report.text]
  }

  /// Gives the text to the drivers' parsers; returns how many refused it.
  private static func read(_ text: String, into told: inout [String]) -> Int {
    var refused = 0
    do throws(StepFailure) {
      let url = try PostgresURL(text)
      told += forms(of: url) + [url.place, url.reference, url.database]
      told += forms(of: url.replacing(database: "other")) + forms(of: url.secret)
    } catch {
      refused += 1
      told += forms(ofFailure: error)
    }
    do throws(StepFailure) {
      let address = try MySQLURL.address(of: Secret(text))
      told += forms(of: address) + [address.name, address.publicURL, address.database]
      told += forms(of: address.with(database: "other"))
    } catch {
      refused += 1
      told += forms(ofFailure: error)
    }
    do throws(StepFailure) {
      // SQLite has no passwords; a URL of another engine must not come back as a path.
      let path = try SQLiteURL.path(of: text)
      if text.contains("@host") { told.append(path) }
    } catch {
      refused += 1
      told += forms(ofFailure: error)
    }
    return refused
  }

  /// Gives the text to `--database`, as itself and behind the two prefixes.
  private static func refer(_ text: String, into told: inout [String]) {
    for argument in [text, "env:\(text)", "file:\(text)"] {
      let reference = DatabaseReference(argument: argument)
      told += forms(of: reference)
      do throws(CommandFailure) {
        let url = try reference.resolve(environment: { _ in nil })
        told += forms(of: url)
      } catch {
        told += forms(ofFailure: error)
      }
    }
    do {
      let reference = DatabaseReference(argument: "env:DB")
      let url = try reference.resolve(environment: { $0 == "DB" ? text : nil })
      told += forms(of: try DatabaseTarget(url, ledgerTable: nil))
    } catch {
      told += forms(ofFailure: error)
    }
    for arguments in [["--databse", text], ["--database=\(text)"], [text]] {
      let message = "Unexpected argument '\(arguments.last ?? "")'"
      told.append(Windlass.withoutSecrets(message, arguments))
    }
  }

  /// Writes the text at a place of a configuration where it does not belong.
  private static func configure(_ text: String, variant: Int, into told: inout [String]) {
    let quoted = "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    let places = [
      ("urlFrom: {env: BEACON_DB}", "urlFrom: \(quoted)"),
      ("urlFrom: {env: BEACON_DB}", "urlFrom: \(text)"),
      ("{env: BEACON_DB}", "{env: \(quoted)}"), ("{env: BEACON_DB}", "{file: \(quoted)}"),
      ("{env: BEACON_DB}", "{url: \(quoted)}"), ("{env: BEACON_DB}", "{\(quoted): x}"),
      ("{env: BEACON_DB}", "{\(text)}"), ("{env: BEACON_DB}", text),
      ("database:\n", "database: \(quoted)\n"), ("{name: beacon}", "{name: \(quoted)}"),
      ("urlFrom: {env: BEACON_DB}", "urlFrom: {env: BEACON_DB}\n    ledger: \(quoted)"),
      ("urlFrom: {env: BEACON_DB}", "urlFrom: {env: A}\n    inject: {env: \(quoted)}"),
    ]
    let (old, new) = places[variant % places.count]
    let document = ConfigurationDocuments.minimal.replacing(old, with: new)
    do throws(ConfigurationError) {
      told += forms(of: try ConfigurationFile.parse(document, file: "w.yaml"))
    } catch {
      told += forms(ofFailure: error.failure) + forms(of: error)
    }
  }
}
