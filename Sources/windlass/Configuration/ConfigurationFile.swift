import WindlassCore
import Yams

/// Reads the file of ManagedService documents that `--config` names.
enum ConfigurationFile {
  /// Reads and checks every document of the file.
  ///
  /// - Throws: `ConfigurationError` for the first thing that is wrong.
  static func load(_ path: String) throws(ConfigurationError) -> [ServiceConfiguration] {
    let bytes: [UInt8]
    do throws(FileFailure) {
      bytes = try TextFile.read(path, sizeMax: Bounds.configurationSizeMax)
    } catch {
      throw ConfigurationError(
        place: .init(file: path), found: "can't be read: \(error.reason)",
        allowed: "Name a file of ManagedService documents with --config.")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationError(
        place: .init(file: path), found: "is not UTF-8 text", allowed: "Save it as UTF-8.")
    }
    return try parse(text, file: path)
  }

  /// Reads and checks every document of the text; `file` is for messages.
  static func parse(
    _ text: String, file: String
  ) throws(ConfigurationError) -> [ServiceConfiguration] {
    let nodes = try documents(text, file: file)
    guard !nodes.isEmpty else {
      throw ConfigurationError(
        place: .init(file: file), found: "holds no document",
        allowed: "Write one ManagedService document for each service.")
    }
    guard nodes.count <= Bounds.servicesMax else {
      throw ConfigurationError(
        place: .init(file: file), found: "holds \(nodes.count) documents",
        allowed: "Allowed: at most \(Bounds.servicesMax) services for one daemon.")
    }
    var services: [ServiceConfiguration] = []
    for (index, node) in nodes.enumerated() {
      let name = node["metadata"]?["name"]?.string
      let place = ConfigurationError.Place(
        file: file, document: index + 1,
        service: name.flatMap { TextRules.mayHoldSecret($0) ? nil : $0 })
      let service = try ServiceConfiguration(FieldReader(node: node, path: "", place: place))
      try refuseClash(of: service, with: services, place: place)
      services.append(service)
    }
    return services
  }

  private static func documents(
    _ text: String, file: String
  ) throws(ConfigurationError) -> [Node] {
    do {
      let parser = try Parser(yaml: text)
      var nodes: [Node] = []
      while let node = try parser.nextRoot() {
        // A file that ends with `---` has an empty document behind it.
        if node.tag.description != "tag:yaml.org,2002:null" { nodes.append(node) }
      }
      return nodes
    } catch let error as YamlError {
      throw unreadable(error, file: file)
    } catch {
      throw ConfigurationError(
        place: .init(file: file), found: "is not YAML", allowed: "Correct the file.")
    }
  }

  private static func unreadable(_ error: YamlError, file: String) -> ConfigurationError {
    let allowed = "Correct the line; a tab can't indent, and a text with : or # needs quotes."
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return ConfigurationError(
        place: .init(file: file), line: mark.line, found: "is not YAML: \(problem)",
        allowed: allowed)
    case .duplicatedKeysInMapping(let keys, let context):
      return ConfigurationError(
        place: .init(file: file), line: context.mark.line,
        found: keys.contains(where: TextRules.mayHoldSecret)
          ? "says a key twice" : "says \(keys.joined(separator: ", ")) twice",
        allowed: "Keep one of the two.")
    case .reader(let problem, _, _, _), .writer(let problem), .emitter(let problem),
      .representer(let problem):
      return ConfigurationError(
        place: .init(file: file), found: "is not YAML: \(problem)", allowed: allowed)
    case .no, .memory, .dataCouldNotBeDecoded:
      return ConfigurationError(
        place: .init(file: file), found: "is not YAML", allowed: allowed)
    }
  }

  /// Refuses a second service of the same name, on the same database, or on the same address.
  private static func refuseClash(
    of service: ServiceConfiguration, with others: [ServiceConfiguration],
    place: ConfigurationError.Place
  ) throws(ConfigurationError) {
    for (index, other) in others.enumerated() {
      let first = "that document \(index + 1) (\(other.name)) has already"
      func clash(_ field: String, _ found: String, _ allowed: String) -> ConfigurationError {
        ConfigurationError(place: place, field: field, found: found, allowed: allowed)
      }
      if other.name == service.name {
        throw clash(
          "metadata.name", "is a name \(first)", "Give every service a name of its own.")
      }
      if other.database.source == service.database.source {
        throw clash(
          "spec.database.urlFrom", "is a database \(first)",
          "Two services may not share a database; give each one its own.")
      }
      let taken = Set(other.fleet.listeners.map(\.address))
      if let listener = service.fleet.listeners.first(where: { taken.contains($0.address) }) {
        throw clash(
          "spec.fleet.processes.listen", "holds the address \(listener.address) \(first)",
          "Give every service addresses of its own.")
      }
    }
  }
}
