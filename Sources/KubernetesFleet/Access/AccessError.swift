/// Why a cluster can't be reached as its configuration says, and what to do about it.
package struct AccessError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways to fail; closed, so it may label a metric.
  package enum Code: String, Sendable {
    /// No kubeconfig and no pod's environment.
    case noConfiguration
    /// A file can't be read.
    case unreadable
    /// A file is not what it should be.
    case malformed
    /// A context, cluster or user that is named is not there.
    case missing
    /// Something that Windlass does not do, such as a password.
    case unsupported
    /// A plug-in for credentials failed.
    case pluginFailed
  }

  package var code: Code
  /// What happened, to what, and what to do next; never a secret.
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
