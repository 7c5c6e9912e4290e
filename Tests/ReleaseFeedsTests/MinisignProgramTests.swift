import ReleaseFeeds
import Testing
import WindlassCore

/// What the minisign program writes is read here, and what is written here it reads.
@Suite(.enabled(if: MinisignProgram.isInstalled, "minisign is not installed"))
struct MinisignProgramTests {
  /// Kept small, so that deriving a key takes the program neither seconds nor a gibibyte: it takes
  /// less of both when memory is short.
  private static let limits = "ulimit -v 262144"
  private let scratch: Scratch
  private let document = Array("a document\n".utf8)

  init() throws {
    scratch = try Scratch()
    try scratch.write(document, to: "document")
  }

  private func makeKeys() throws -> SecretKey {
    #expect(scratch.run("minisign -G -W -f -p key.pub -s key </dev/null"))
    return try SecretKey.read(file: scratch.text("key"))
  }

  @Test func `a signature by the program verifies here`() throws {
    _ = try makeKeys()
    #expect(scratch.run("minisign -S -s key -m document -t 'a comment' </dev/null"))
    let keys = try TrustedKeys([scratch.text("key.pub")])
    let verified = try VerifiedDocument.verify(
      document, signature: scratch.read("document.minisig"), by: keys)
    #expect(verified.trustedComment == "a comment")
  }

  @Test func `the program's default comment verifies here`() throws {
    _ = try makeKeys()
    #expect(scratch.run("minisign -S -s key -m document </dev/null"))
    let keys = try TrustedKeys([scratch.text("key.pub")])
    let verified = try VerifiedDocument.verify(
      document, signature: scratch.read("document.minisig"), by: keys)
    #expect(verified.trustedComment.contains("file:document"))
  }

  @Test func `the program's legacy form is refused with its own reason`() throws {
    _ = try makeKeys()
    #expect(scratch.run("minisign -S -l -s key -m document </dev/null"))
    let keys = try TrustedKeys([scratch.text("key.pub")])
    #expect(throws: SignatureRefusal.legacyAlgorithm) {
      try VerifiedDocument.verify(
        document, signature: scratch.read("document.minisig"), by: keys)
    }
  }

  @Test func `a signature made here verifies with the program`() throws {
    let key = SecretKey.generate()
    let signature = try key.sign(document, trustedComment: "service:beacon\tserial:1")
    try scratch.write(signature, to: "document.minisig")
    try scratch.write(Array(key.publicKey.file.utf8), to: "key.pub")
    #expect(scratch.run("minisign -V -p key.pub -m document"))
    #expect(scratch.run("minisign -V -P \(key.publicKey.text) -m document"))
    try scratch.write(Array("another document\n".utf8), to: "document")
    #expect(!scratch.run("minisign -V -p key.pub -m document"))
  }

  @Test func `the program's key without a password reads here, and its public key is the same`()
    throws
  {
    let key = try makeKeys()
    #expect(key.publicKey == (try PublicKey(scratch.text("key.pub"))))
    try scratch.write(try key.sign(document, trustedComment: "t"), to: "document.minisig")
    #expect(scratch.run("minisign -V -p key.pub -m document"))
  }

  @Test func `a key without a password made here signs with the program`() throws {
    let key = SecretKey.generate()
    try scratch.write(Array(try key.file(password: nil).utf8), to: "key")
    #expect(scratch.run("minisign -S -s key -m document </dev/null"))
    _ = try VerifiedDocument.verify(
      document, signature: scratch.read("document.minisig"), by: Sample.trusted(key))
  }

  @Test func `an encrypted key made here signs with the program`() throws {
    let key = SecretKey.generate()
    let file = try key.file(password: Secret("open sesame"), cost: .interactive)
    try scratch.write(Array(file.utf8), to: "key")
    #expect(!scratch.run("printf 'wrong\\n' | minisign -S -s key -m document"))
    #expect(scratch.run("printf 'open sesame\\n' | minisign -S -s key -m document"))
    _ = try VerifiedDocument.verify(
      document, signature: scratch.read("document.minisig"), by: Sample.trusted(key))
  }

  @Test func `an encrypted key made by the program reads here with its password alone`() throws {
    let make = "printf 'open sesame\\nopen sesame\\n' | minisign -G -p key.pub -s key"
    #expect(scratch.run("\(MinisignProgramTests.limits); \(make)"))
    let file = try scratch.text("key")
    let key = try SecretKey.read(file: file, password: Secret("open sesame"))
    #expect(key.publicKey == (try PublicKey(scratch.text("key.pub"))))
    #expect(throws: KeyError.passwordWrong) {
      try SecretKey.read(file: file, password: Secret("open says me"))
    }
    #expect(throws: KeyError.passwordMissing) { try SecretKey.read(file: file) }
  }
}

@Suite struct SecretKeyTests {
  @Test(arguments: [nil, "open sesame", ""]) func `a secret key reads back from its file`(
    password: String?
  ) throws {
    let key = SecretKey.generate()
    let passphrase = password.map { Secret($0) }
    let file = try key.file(password: passphrase, cost: .interactive)
    #expect(try SecretKey.read(file: file, password: passphrase).publicKey == key.publicKey)
  }

  @Test func `a secret key file with a changed byte is refused`() throws {
    let file = try SecretKey.generate().file(password: nil)
    let bytes = Array(file.utf8)
    let start = try #require(bytes.firstIndex(of: 0x0A)) + 1
    // The last 43 characters hold the checksum, which has no value without a password.
    for offset in start..<bytes.count - 45 {
      var changed = bytes
      changed[offset] = changed[offset] == 0x41 ? 0x42 : 0x41
      let isRead = (try? SecretKey.read(file: String(decoding: changed, as: UTF8.self))) != nil
      // The salt and the cost of a key without a password, and its number, are covered by nothing.
      #expect(!isRead || (8..<84).contains(offset - start), "\(offset - start)")
    }
  }

  @Test func `a comment that a signature file can't hold is refused`() {
    let long = String(repeating: "x", count: Bounds.signatureCommentMax + 1)
    for comment in ["line\nbreak", "bell\u{7}", "umläut", long] {
      #expect(throws: KeyError.self) {
        try SecretKey.generate().sign([], trustedComment: comment)
      }
    }
  }
}
