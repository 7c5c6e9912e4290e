/// The names of the fields that a manifest may have, by object.
///
/// Unknown fields are ignored when a manifest is read; `lint` reports them, because most are
/// misspelt. The JSON Schema beside this directory names the same fields.
package enum ManifestFields {
  /// The only format that is read.
  package static let apiVersion = "windlass.dev/v1"
  /// What such a document calls itself.
  package static let kind = "ReleaseManifest"

  package static let manifest = [
    "apiVersion", "kind", "service", "serial", "expires", "releases",
  ]
  package static let release = [
    "version", "channel", "published", "notes", "severity", "yanked", "upgradeFrom",
    "requiredStop", "artifact", "schema", "migrations", "queries", "probes",
  ]
  package static let yanked = ["reason", "remedy"]
  package static let artifact = ["image", "archive"]
  package static let archive = ["url", "sha256", "size"]
  package static let window = ["min", "max"]
  package static let migrations = ["archive", "expand", "backfill", "contract"]
  package static let queries = ["url", "sha256"]
  package static let probe = ["name", "method", "path", "body", "expect", "capture", "safe"]
  package static let expectation = ["status", "values"]
}
