import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// `windlass manifest sign`: the signature beside a manifest.
struct ManifestSignCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Signs a manifest, as it is or with a new serial and expiry.",
    discussion: """
      Example: windlass manifest sign beacon.json --secret-key minisign.key --renew 30d

      The signature is written beside the manifest, with .minisig behind its name. A manifest that \
      breaks a rule is not signed.
      """)

  @Argument(help: "The manifest to sign.")
  var manifest: String

  @Option(help: "The secret key, as this program or minisign wrote it.")
  var secretKey = "minisign.key"

  @Option(help: "Raise the serial by one and set the expiry to this long from now, such as 30d.")
  var renew: String?

  @Flag(help: "Sign although the same serial was signed before with other content.")
  var replace = false

  @OptionGroup var password: KeyPasswordOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let bytes = try content()
    let key = try readKey()
    let signed = try sign(bytes, by: key)
    let path = ManifestFiles.signaturePath(of: manifest)
    try checkSerial(of: signed, by: key, in: path)
    // The manifest first: an old signature beside a new manifest is refused, as it should be.
    if renew != nil { try ManifestFiles.replace(manifest, with: bytes) }
    try ManifestFiles.replace(path, with: signed.signature)
    output.line(
      "Signed ", .strong(manifest), " (serial \(signed.serial)) by key \(key.publicKey.id): ",
      .strong(path))
    output.object([
      "manifest": .string(manifest), "signature": .string(path),
      "serial": .integer(signed.serial), "keyID": .string(key.publicKey.id.description),
      "trustedComment": .string(signed.trustedComment),
    ])
    return .done
  }

  private func content() throws -> [UInt8] {
    let bytes = try ManifestFiles.manifest(manifest)
    guard let renew else { return bytes }
    let validity = try Interval.validity(renew)
    do throws(ManifestError) {
      var builder = try ManifestBuilder(editing: bytes)
      builder.renew(until: SystemClock(floor: nil).now() + validity)
      return try builder.bytes()
    } catch {
      throw CommandFailure(error, in: manifest)
    }
  }

  private func readKey() throws(CommandFailure) -> SecretKey {
    let bytes = try ManifestFiles.read(
      secretKey, sizeMax: 4_096, what: "secret key", whenMissing: .usage)
    let file = String(decoding: bytes, as: UTF8.self)
    do throws(KeyError) {
      return try SecretKey.read(file: file)
    } catch {
      guard error == .passwordMissing else { throw CommandFailure(error, in: secretKey) }
    }
    var secret = try password.named()
    if secret == nil { secret = try PasswordPrompt.ask("Password of \(secretKey): ") }
    do throws(KeyError) {
      return try SecretKey.read(file: file, password: secret)
    } catch {
      throw CommandFailure(error, in: secretKey)
    }
  }

  private func sign(_ bytes: [UInt8], by key: SecretKey) throws -> SignedManifest {
    do {
      return try SignedManifest(signing: bytes, by: key)
    } catch let error as ManifestError {
      throw CommandFailure(error, in: manifest)
    }
  }

  private func checkSerial(
    of signed: SignedManifest, by key: SecretKey, in path: String
  ) throws(CommandFailure) {
    guard !replace,
      // No signature yet, or one that can't be read, contradicts nothing.
      let earlier = try? RegularFile.read(path, sizeMax: Bounds.signatureSizeMax),
      signed.contradicts(earlier, of: key.publicKey)
    else { return }
    throw CommandFailure(
      .failed, "SerialUsed",
      "Serial \(signed.serial) of \(manifest) was signed before, and the manifest has changed "
        + "since: whoever fetched the first one would take this one for an attack. Sign with "
        + "--renew 30d, which raises the serial, or with --replace if the first was never "
        + "published.")
  }
}
