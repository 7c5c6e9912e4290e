/// How a daemon is in one respect, made of what was looked at.
package struct HealthReport: Hashable, Sendable {
  /// One thing that was looked at.
  package struct Check: Hashable, Sendable {
    /// What it is, as a word or two.
    package let name: String
    /// What is wrong with it; nil while nothing is.
    package let trouble: String?

    /// A check of that name.
    package init(_ name: String, trouble: String? = nil) {
      self.name = name
      self.trouble = trouble
    }
  }

  package let checks: [Check]

  /// A report of these checks; without any there is nothing wrong.
  package init(_ checks: [Check]) { self.checks = checks }

  /// Whether nothing is wrong.
  package var isGood: Bool { checks.allSatisfy { $0.trouble == nil } }

  /// A line for each check, and one for all, in the manner of Kubernetes' own servers.
  package var text: String {
    let lines = checks.map { check in
      check.trouble.map { "[-]\(check.name) \($0)\n" } ?? "[+]\(check.name) ok\n"
    }
    return lines.joined() + (isGood ? "ok\n" : "failed\n")
  }
}
