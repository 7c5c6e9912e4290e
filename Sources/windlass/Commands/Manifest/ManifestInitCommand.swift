import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// `windlass manifest init`: a new key pair, and a manifest without releases.
struct ManifestInitCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Writes a new key pair and a manifest without releases.",
    discussion: """
      Example: windlass manifest init beacon.json --service beacon

      The secret key is encrypted with a password, unless --no-password is given. Nothing that \
      exists is overwritten.
      """)

  @Argument(help: "The manifest to write.")
  var manifest: String

  @Option(help: "The service whose releases it will list.")
  var service: String

  @Option(help: "Where to write the secret key.")
  var secretKey = "minisign.key"

  @Option(help: "Where to write the public key.")
  var publicKey = "minisign.pub"

  @Option(help: "How long the manifest is good for, such as 30d.")
  var expiresIn = "30d"

  @Flag(help: "Leave the secret key unencrypted: its file's mode is then its only protection.")
  var noPassword = false

  @OptionGroup var password: KeyPasswordOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let now = SystemClock(floor: nil).now()
    let builder = ManifestBuilder(
      service: ServiceName(service), expires: now + (try Interval.validity(expiresIn)))
    let bytes: [UInt8]
    do throws(ManifestError) {
      bytes = try builder.bytes()
    } catch {
      throw CommandFailure(
        .usage, "BadArgument", "--service \(service) is no name of a service: \(error.message).")
    }
    try checkFree()
    let chosen = try chosenPassword()
    let key = SecretKey.generate()
    let file: String
    do throws(KeyError) {
      file = try key.file(password: chosen)
    } catch {
      throw CommandFailure(error, in: secretKey)
    }
    try ManifestFiles.create(secretKey, with: Array(file.utf8), mode: 0o600)
    try ManifestFiles.create(publicKey, with: Array(key.publicKey.file.utf8), mode: 0o644)
    try ManifestFiles.create(manifest, with: bytes, mode: 0o644)
    report(key.publicKey, output)
    return .done
  }

  private func chosenPassword() throws -> Secret? {
    if noPassword { return nil }
    return try password.named() ?? PasswordPrompt.askForNew()
  }

  /// Looks before anything is written, so that a path that is taken leaves no half of a pair.
  private func checkFree() throws(CommandFailure) {
    for path in [secretKey, publicKey, manifest] where RegularFile.exists(path) {
      throw CommandFailure(
        .usage, "FileExists",
        "\(path) is there already, and is not overwritten. Move it away, or choose other paths "
          + "with --secret-key, --public-key and the manifest's name.")
    }
  }

  private func report(_ key: PublicKey, _ output: Output) {
    output.line("Wrote ", .strong(manifest), ", without releases yet.")
    output.line("Wrote ", .strong(secretKey), ", the secret key \(key.id): keep it secret.")
    output.line("Wrote ", .strong(publicKey), ", the public key: ", .strong(key.text))
    output.object([
      "manifest": .string(manifest), "secretKeyFile": .string(secretKey),
      "publicKeyFile": .string(publicKey), "publicKey": .string(key.text),
      "keyID": .string(key.id.description),
    ])
  }
}
