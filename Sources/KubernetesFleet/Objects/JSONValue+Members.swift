package import WindlassWire

extension JSONValue {
  /// The object with that member set, in its old place or at the end; anything else becomes an
  /// object.
  package func setting(_ name: String, to value: JSONValue?) -> JSONValue {
    var members = object ?? []
    let place = members.firstIndex { $0.name == name }
    switch (place, value) {
    case (let place?, let value?): members[place].value = value
    case (let place?, nil): members.remove(at: place)
    case (nil, let value?): members.append(JSONMember(name, value))
    case (nil, nil): break
    }
    return .object(members)
  }

  /// The object with the value at that path set.
  package func setting(_ path: [String], to value: JSONValue?) -> JSONValue {
    guard let first = path.first else { return value ?? .null }
    guard path.count > 1 else { return setting(first, to: value) }
    return setting(
      first, to: (self[first] ?? .object([])).setting(Array(path.dropFirst()), to: value))
  }
}
