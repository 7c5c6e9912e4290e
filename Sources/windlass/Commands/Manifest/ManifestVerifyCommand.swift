import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// `windlass manifest verify`: what a reader with these keys would make of a manifest.
struct ManifestVerifyCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks a manifest's signature, and every rule of its content.",
    discussion: """
      Example: windlass manifest verify beacon.json --public-key RWQ…

      The signature is expected beside the manifest, with .minisig behind its name. Exits 0 when a \
      reader would accept both, 1 when not.
      """)

  @Argument(help: "The manifest to check.")
  var manifest: String

  @Option(help: "A trusted public key, or the path of its file; may be given more than once.")
  var publicKey: [String]

  @Option(help: "The service that the manifest must be of.")
  var service: String?

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let keys = try trustedKeys()
    let bytes = try ManifestFiles.manifest(manifest)
    let path = ManifestFiles.signaturePath(of: manifest)
    let signature = try ManifestFiles.read(
      path, sizeMax: Bounds.signatureSizeMax, what: "signature", whenMissing: .failed)
    let document = try verify(bytes, signature: signature, by: keys)
    let verified: Manifest
    do throws(ManifestError) {
      verified = try Manifest(document)
    } catch {
      throw CommandFailure(error, in: manifest)
    }
    if let service, verified.service.text != service {
      throw CommandFailure(
        .failed, "WrongService",
        "\(manifest) is signed, but it is the manifest of \(verified.service), not of \(service).")
    }
    report(verified, output)
    return .done
  }

  private func trustedKeys() throws(CommandFailure) -> TrustedKeys {
    do throws(KeyError) {
      return try TrustedKeys(publicKey.map(keyText))
    } catch {
      throw CommandFailure(
        .usage, "BadKey",
        "--public-key is neither a public key nor the path of a file with one: \(error).")
    }
  }

  /// The key itself, or what its file holds.
  private func keyText(_ argument: String) -> String {
    // What is no file is taken for a key; if it is none either, the error says so.
    guard let bytes = try? RegularFile.read(argument, sizeMax: 4_096) else { return argument }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func verify(
    _ bytes: [UInt8], signature: [UInt8], by keys: TrustedKeys
  ) throws(CommandFailure) -> VerifiedDocument {
    do throws(SignatureRefusal) {
      return try VerifiedDocument.verify(bytes, signature: signature, by: keys)
    } catch {
      throw CommandFailure(.failed, error.code, "\(manifest) is not to be trusted: \(error).")
    }
  }

  private func report(_ manifest: Manifest, _ output: Output) {
    let isFresh = manifest.isFresh(at: SystemClock(floor: nil).now())
    let versions = manifest.releases.map(\.version.description)
    output.line(.good("verified"), " by key \(manifest.key.id)")
    output.line("service          \(manifest.service.text)")
    output.line("serial           \(manifest.serial)")
    output.line(
      "expires          \(manifest.expires.rfc3339)",
      isFresh ? "" : .warning(" (passed: nobody starts a run on it)"))
    output.line("releases         \(versions.joined(separator: ", "))")
    output.line("trusted comment  \(manifest.document.trustedComment)")
    output.line("sha256           \(manifest.digest.text)")
    output.object([
      "verified": true, "keyID": .string(manifest.key.id.description),
      "service": .string(manifest.service.text), "serial": .integer(manifest.serial),
      "expires": .string(manifest.expires.rfc3339), "fresh": .bool(isFresh),
      "releases": .array(versions.map { .string($0) }),
      "trustedComment": .string(manifest.document.trustedComment),
      "sha256": .string(manifest.digest.text),
    ])
  }
}
