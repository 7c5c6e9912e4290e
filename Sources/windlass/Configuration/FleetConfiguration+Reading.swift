import WindlassCore

import enum KubernetesFleet.WishBounds

extension ProcessFleetConfiguration {
  /// Reads the section `fleet`.
  init(_ field: FieldReader) throws(ConfigurationError) {
    let kinds = try field.section(
      "processes", "deployment", "statefulSet", "daemonSet", "signal")
    let (kind, value) = try kinds.exactlyOne(
      of: "processes", "deployment", "statefulSet", "daemonSet", "signal")
    guard kind == "processes" else {
      throw value.notBuilt(
        "is a fleet that something else keeps up",
        instead: "Write processes: {command: […], listen: […]}.")
    }
    let section = try value.section(
      "command", "env", "replicas", "listen", "readiness", "version", "drain", "grace")
    command = try ProcessFleetConfiguration.command(
      section.required("command", "command: [\"{artifact}/PROGRAM\", …]"))
    environment =
      try section.optional("env")?.texts(
        TextRules.variableWanted, where: TextRules.isVariable) ?? [:]
    replicas = try section.optional("replicas")?.integer(in: 1...Bounds.replicasMax) ?? 1
    listeners = try ProcessFleetConfiguration.listeners(
      section.required("listen", "listen: [{name: http, address: \"127.0.0.1:8080\"}]"))
    let readiness = try section.optional("readiness")?.section("path")
    readinessPath =
      try readiness?.optional("path")?.text(
        TextRules.pathWanted, where: TextRules.isRequestPath) ?? "/healthz"
    let version = try section.optional("version")?.section("path", "pointer")
    versionPath =
      try version?.optional("path")?.text(
        TextRules.pathWanted, where: TextRules.isRequestPath) ?? "/version"
    versionPointer =
      try version?.optional("pointer")?.text(
        "a JSON pointer (RFC 6901) such as /version, or \"\" for the whole reply",
        where: TextRules.isPointer) ?? "/version"
    drain = try section.optional("drain")?.interval(in: .zero ... .hours(24)) ?? .seconds(30)
    grace =
      try section.optional("grace")?.interval(in: .milliseconds(1) ... .hours(1)) ?? .seconds(10)
  }

  private static func command(_ field: FieldReader) throws(ConfigurationError) -> [String] {
    var words: [String] = []
    for element in try field.elements(1...Bounds.commandWordsMax, of: "words") {
      let word = try element.text("text without a zero byte", where: { !$0.contains("\0") })
      if let placeholder = TextRules.placeholders(in: word).first(where: { $0 != "artifact" }) {
        throw element.error(
          "uses {\(placeholder)}",
          allowed: "Allowed: {artifact}, the folder of the unpacked release.")
      }
      words.append(word)
    }
    guard let program = words.first, program.hasPrefix("/") || program.hasPrefix("{artifact}/")
    else {
      throw field.error(
        "begins with \"\(words[0])\"",
        allowed: "The program must lie in the release, as \"{artifact}/PROGRAM\", or be an "
          + "absolute path.")
    }
    return words
  }

  private static func listeners(
    _ field: FieldReader
  ) throws(ConfigurationError) -> [ListenerConfiguration] {
    var listeners: [ListenerConfiguration] = []
    for element in try field.elements(1...Bounds.listenersMax, of: "listeners") {
      let section = try element.section("name", "address")
      let name = try section.required("name", "the name that an instance knows it by")
      let listener = ListenerConfiguration(
        name: try name.text(
          "a name of lower-case letters, digits and hyphens that does not end with -private",
          where: { TextRules.isName($0) && !$0.hasSuffix("-private") }),
        address: try section.required("address", "an address such as \"127.0.0.1:8080\"").value(
          "an IP address and a port from 1 to 65535, such as \"127.0.0.1:8080\" or "
            + "\"[::1]:8080\"", { NetworkAddress($0) }))
      if listeners.contains(where: { $0.name == listener.name }) {
        throw name.error("is \"\(listener.name)\" again", allowed: "Give each one its own name.")
      }
      if listeners.contains(where: { $0.address == listener.address }) {
        throw element.error(
          "has the address \(listener.address) again", allowed: "Give each one its own address.")
      }
      listeners.append(listener)
    }
    return listeners
  }
}

extension RolloutPolicy {
  /// Reads the section `rollout`.
  init(_ field: FieldReader?, replicas: Int) throws(ConfigurationError) {
    self.init(replicas: replicas)
    guard let field else { return }
    let section = try field.section(
      "observe", "canary", "maxUnavailable", "maxSurge", "stability", "soak", "progressDeadline",
      "analysis")
    let anyLength = WishBounds.rolloutTime
    if let value = section.optional("observe") { observe = try value.interval(in: anyLength) }
    if let value = section.optional("canary") { canary = try value.integer(in: 1...replicas) }
    if let value = section.optional("maxUnavailable") {
      // Never the whole fleet: that would be downtime.
      maxUnavailable = try value.integer(in: 0...(replicas - 1))
    }
    if let value = section.optional("maxSurge") {
      maxSurge = try value.integer(in: 0...Bounds.replicasMax)
    }
    if let value = section.optional("stability") { stability = try value.interval(in: anyLength) }
    if let value = section.optional("soak") { soak = try value.interval(in: anyLength) }
    if let value = section.optional("progressDeadline") {
      progressDeadline = try value.interval(in: WishBounds.progressDeadline)
    }
    if let analysis = section.optional("analysis"),
      try !analysis.elements(0...100, of: "analyses").isEmpty
    {
      throw analysis.notBuilt("asks for analyses", instead: "Leave it empty.")
    }
    guard maxUnavailable + maxSurge > 0 else {
      throw field.error(
        "has maxUnavailable 0 and maxSurge 0, so that no instance could ever be replaced",
        allowed: "Allow at least one of the two to be 1.")
    }
    guard stability <= progressDeadline else {
      throw field.error(
        "has a stability of \(stability), which no instance can show before the progressDeadline "
          + "of \(progressDeadline)",
        allowed: "Make progressDeadline longer than stability.")
    }
  }
}
