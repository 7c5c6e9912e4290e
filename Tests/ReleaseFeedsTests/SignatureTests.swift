import ReleaseFeeds
import Testing
import WindlassCore
import WindlassWire

/// A key pair, a manifest, and the signature over it.
private struct Signed {
  let key = SecretKey.generate()
  let keys: TrustedKeys
  let bytes: [UInt8]
  let signature: [UInt8]

  init() throws {
    keys = try Sample.trusted(key)
    bytes = Sample.manifest().bytes
    signature = try key.sign(bytes, trustedComment: "service:beacon serial:42")
  }

  func verify(_ bytes: [UInt8], _ signature: [UInt8]) -> Result<VerifiedDocument, SignatureRefusal>
  {
    Result { () throws(SignatureRefusal) in
      try VerifiedDocument.verify(bytes, signature: signature, by: keys)
    }
  }

  func isRefused(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool {
    if case .failure = verify(bytes, signature) { true } else { false }
  }

  /// Where the untrusted comment's text lies in the signature file.
  var untrustedText: Range<Int> {
    "untrusted comment: ".utf8.count..<(signature.firstIndex(of: 0x0A) ?? 0)
  }
}

private func flipping(_ bit: Int, of bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  bytes[bit / 8] ^= 1 << (bit % 8)
  return bytes
}

@Suite struct SignatureTests {
  @Test func `a signed document tells its bytes, its key and its trusted comment`() throws {
    let signed = try Signed()
    let document = try signed.verify(signed.bytes, signed.signature).get()
    #expect(document.bytes == signed.bytes)
    #expect(document.key == signed.key.publicKey)
    #expect(document.trustedComment == "service:beacon serial:42")
  }

  @Test func `every prefix of a signed manifest is refused`() throws {
    let signed = try Signed()
    for count in signed.bytes.indices {
      #expect(signed.isRefused(Array(signed.bytes.prefix(count)), signed.signature), "\(count)")
    }
  }

  @Test func `every single-bit flip of a signed manifest is refused`() throws {
    let signed = try Signed()
    for bit in 0..<signed.bytes.count * 8 {
      let isRefused = signed.isRefused(flipping(bit, of: signed.bytes), signed.signature)
      #expect(isRefused, "bit \(bit)")
    }
  }

  @Test func `every prefix of a signature file is refused`() throws {
    let signed = try Signed()
    for count in signed.signature.indices {
      #expect(signed.isRefused(signed.bytes, Array(signed.signature.prefix(count))), "\(count)")
    }
  }

  @Test func `every single-bit flip of a signature file but in its untrusted text is refused`()
    throws
  {
    let signed = try Signed()
    for bit in 0..<signed.signature.count * 8 where !signed.untrustedText.contains(bit / 8) {
      #expect(signed.isRefused(signed.bytes, flipping(bit, of: signed.signature)), "bit \(bit)")
    }
  }

  @Test func `a flip in the untrusted text changes nothing or is refused`() throws {
    let signed = try Signed()
    let document = try signed.verify(signed.bytes, signed.signature).get()
    var accepted = 0
    for bit in signed.untrustedText.lowerBound * 8..<signed.untrustedText.upperBound * 8 {
      switch signed.verify(signed.bytes, flipping(bit, of: signed.signature)) {
      case .success(let other):
        #expect(other == document)
        accepted += 1
      case .failure(let refusal): #expect(refusal.code == "SignatureMalformed")
      }
    }
    #expect(accepted > 0)
  }

  @Test func `bytes appended to a manifest or a signature file are refused`() throws {
    let signed = try Signed()
    for tail in ["\n", " ", "\0", "x", "\ntrusted comment: a\n"] {
      #expect(signed.isRefused(signed.bytes + Array(tail.utf8), signed.signature))
      #expect(signed.isRefused(signed.bytes, signed.signature + Array(tail.utf8)))
    }
  }

  @Test func `a signature file with carriage returns is refused`() throws {
    let signed = try Signed()
    let windows = signed.signature.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }
    #expect(signed.isRefused(signed.bytes, windows))
  }

  @Test func `a manifest larger than its bound is refused before anything is hashed`() throws {
    let signed = try Signed()
    let large = [UInt8](repeating: 0x20, count: Bounds.manifestSizeMax + 1)
    #expect(
      signed.verify(large, signed.signature) == .failure(.documentTooLarge(size: large.count)))
  }
}

/// Attacks that keep the form of a signature file.
@Suite struct SignatureAttackTests {
  @Test func `a key that is not trusted is refused by its number`() throws {
    let signed = try Signed()
    let stranger = SecretKey.generate()
    let signature = try stranger.sign(signed.bytes, trustedComment: "test")
    #expect(
      signed.verify(signed.bytes, signature) == .failure(.unknownKey(stranger.publicKey.id)))
  }

  @Test func `a revoked key is refused`() throws {
    let signed = try Signed()
    let successor = try Sample.trusted(SecretKey.generate())
    #expect(throws: SignatureRefusal.unknownKey(signed.key.publicKey.id)) {
      try VerifiedDocument.verify(signed.bytes, signature: signed.signature, by: successor)
    }
  }

  @Test func `a signature over another document is refused`() throws {
    let signed = try Signed()
    let other = Sample.manifest(serial: 41).bytes
    #expect(
      signed.verify(other, signed.signature) == .failure(.documentChanged(signed.key.publicKey.id)))
  }

  @Test func `a trusted comment of another signature by the same key is refused`() throws {
    let signed = try Signed()
    let other = try signed.key.sign(signed.bytes + [0x0A], trustedComment: "serial:43")
    let lines = signed.signature.split(separator: 0x0A)
    let otherLines = other.split(separator: 0x0A)
    let mixed = [lines[0], lines[1], otherLines[2], otherLines[3]].flatMap { $0 + [0x0A] }
    #expect(
      signed.verify(signed.bytes, mixed)
        == .failure(.trustedCommentChanged(signed.key.publicKey.id)))
  }

  @Test func `each algorithm but the hashed one has a reason of its own`() throws {
    let signed = try Signed()
    // In base 64 the first three characters hold the two letters of the algorithm.
    let start = try #require(signed.signature.firstIndex(of: 0x0A)) + 1
    for (letters, refusal) in [
      ("RWR", SignatureRefusal.legacyAlgorithm), ("RWS", .legacyAlgorithm),
      ("ZWR", .unknownAlgorithm), ("AAA", .unknownAlgorithm),
    ] {
      var bytes = signed.signature
      bytes.replaceSubrange(start..<start + 3, with: letters.utf8)
      #expect(signed.verify(signed.bytes, bytes) == .failure(refusal))
    }
  }

  @Test func `an empty signature, a page and a manifest are no signature files`() throws {
    let signed = try Signed()
    for text in ["", "\n\n\n\n", "<!doctype html>\n<title>Not found</title>\n"] {
      #expect(signed.isRefused(signed.bytes, Array(text.utf8)))
    }
    #expect(signed.isRefused(signed.bytes, signed.bytes))
    #expect(signed.isRefused(signed.bytes, [UInt8](repeating: 0x41, count: 1_000_000)))
  }
}

@Suite struct TrustedKeysTests {
  @Test func `no key at all is refused`() {
    #expect(throws: KeyError.noKeys) { try TrustedKeys([PublicKey]()) }
  }

  @Test func `a key named twice counts once`() throws {
    let key = SecretKey.generate().publicKey
    #expect(try TrustedKeys([key.text, key.file, " \(key.text)\n"]).keys == [key])
  }

  @Test func `two keys of one number are refused`() throws {
    let key = SecretKey.generate().publicKey
    let other = SecretKey.generate().publicKey
    // The number stands in characters 3 to 14 of a key, with two bits of the algorithm before it.
    let text = key.text.prefix(14) + other.text.dropFirst(14)
    let twin = try? PublicKey(String(text))
    if let twin, twin.id == key.id {
      #expect(throws: KeyError.conflictingKeys(key.id)) { try TrustedKeys([key, twin]) }
    } else {
      Issue.record("the texts of keys are not laid out as this test thinks")
    }
  }

  @Test(arguments: [
    "", "RWQ", "not a key", "untrusted comment: x", "a\nb\nc",
    "RXQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  ]) func `what is no public key is refused`(text: String) {
    #expect(throws: KeyError.self) { try PublicKey(text) }
  }

  @Test func `a public key reads back from its line and from its file`() throws {
    let key = SecretKey.generate().publicKey
    #expect(try PublicKey(key.text) == key)
    #expect(try PublicKey(key.file) == key)
  }
}
