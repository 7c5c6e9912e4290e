/// What texts of documents must look like, in the syntax that API servers have (RE2).
enum Patterns {
  /// Letters, digits, hyphens, dots and underscores.
  static let word = "^[A-Za-z0-9._-]+$"
  /// The name of a variable of an environment.
  static let variable = "^[A-Za-z_][A-Za-z0-9_]*$"
  /// A file's path from the root.
  static let absolutePath = "^/"
  /// The path of a request, perhaps with a query.
  static let requestPath = "^/[!-\"$-~]*$"
  /// A JSON pointer; the empty one is the whole document.
  static let pointer = "^(/([^~]|~[01])*)?$"
  /// A URL without a user, of the schemes that manifests are fetched by.
  static let manifestURL = "^(https?://[^@/#\\s]+(/[^@#\\s]*)?|file:///[^#\\s]*)$"
  /// A URL without a user.
  static let webURL = "^https?://[^@/#\\s]+(/[^#\\s]*)?$"
  /// The second line of a minisign `.pub` file.
  static let publicKey = "^RW[A-Za-z0-9+/]{54}$"
  /// The name of an object, and of most things that become one.
  static let name = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
  /// The name of an object that may have dots.
  static let dottedName = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
  /// Pods by their labels: `app=web`, `app in (web, web-primary)`, or several of these.
  static let podSelector = "^\(requirement)(,\(requirement))*$"
  private static let labelValue = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
  private static let labelKey = "([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?\(labelValue)"
  private static let requirement =
    "\(labelKey)(=\(labelValue)| in \\(\(labelValue)(, ?\(labelValue))*\\))"
  /// SHA-256, as images and plans have it.
  static let digest = "^sha256:[0-9a-f]{64}$"
}
