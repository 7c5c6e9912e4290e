import ArgumentParser

/// `windlass manifest`: for the people who publish releases.
struct ManifestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manifest",
    abstract: "Makes, signs and checks the manifest that lists a service's releases.",
    discussion: """
      Example, from nothing to a manifest that can be published:

        windlass manifest init beacon.json --service beacon
        windlass manifest add beacon.json --version 1.0.0 \
            --schema sqlite=2...4 --archive beacon-1.0.0.tar.gz \
            --migrations sqlite=migrations-1.0.0.tar.gz \
            --expand sqlite=1,2 --base-url https://releases.example/
        windlass manifest lint beacon.json
        windlass manifest sign beacon.json
        windlass manifest verify beacon.json --public-key minisign.pub

      Keys and signatures are minisign's: that program reads them, and its own are read here.
      """,
    subcommands: [
      ManifestInitCommand.self, ManifestAddCommand.self, ManifestSignCommand.self,
      ManifestVerifyCommand.self, ManifestLintCommand.self,
    ])
}
