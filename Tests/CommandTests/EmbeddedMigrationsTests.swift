import Glibc
import Testing

@testable import windlass

/// The demo carries its migrations; the files are what people read and other tools run.
struct EmbeddedMigrationsTests {
  private static let root = String(#filePath).components(upTo: "/Tests/")

  @Test(arguments: ["beacon", "beacon-reckless"], DemoEngine.allCases)
  func `the embedded migrations equal the files`(folder: String, engine: DemoEngine) throws {
    let embedded =
      folder == "beacon"
      ? EmbeddedMigrations.honest(engine) : EmbeddedMigrations.reckless(engine)
    let path = "\(EmbeddedMigrationsTests.root)/Migrations/\(folder)/\(engine.rawValue)"
    let names = try #require(Directory.names(path))
    #expect(!names.isEmpty)
    #expect(embedded.map(\.name).sorted() == names)
    for migration in embedded {
      let bytes = try TextFile.read("\(path)/\(migration.name)", sizeMax: 1_048_576)
      #expect(migration.text == String(decoding: bytes, as: UTF8.self), "\(migration.name)")
    }
  }

  @Test func `every edition names each migration above the release before it`() {
    for edition in DemoFeeds.honest + [DemoFeeds.aborting] + DemoFeeds.reckless {
      var last: Int64 = 0
      for release in edition.releases {
        let own = (release.expand + release.backfill + release.contract).sorted()
        #expect(own == Array((last + 1)..<(last + 1 + Int64(own.count))), "\(edition.name)")
        last = own.last ?? last
      }
    }
  }
}

/// What a directory holds.
private enum Directory {
  /// The names of its files, sorted; nil when there is no such directory.
  static func names(_ path: String) -> [String]? {
    guard let listing = opendir(path) else { return nil }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}

extension String {
  /// What stands before `mark`.
  fileprivate func components(upTo mark: String) -> String {
    var end = startIndex
    while end < endIndex, !self[end...].hasPrefix(mark) { formIndex(after: &end) }
    return String(self[..<end])
  }
}
