package import WindlassWire

/// A selector of labels as objects have it, in the form that requests have.
package enum LabelSelector {
  /// Nil when it selects nothing in particular, or has an operator that is not known here.
  static func text(_ selector: JSONValue?) -> String? {
    var parts: [String] = []
    for member in selector?["matchLabels"]?.object ?? [] {
      guard let value = member.value.string else { return nil }
      parts.append("\(member.name)=\(value)")
    }
    for expression in selector?["matchExpressions"]?.array ?? [] {
      guard let key = expression["key"]?.string else { return nil }
      let values = (expression["values"]?.array ?? []).compactMap(\.string).joined(separator: ",")
      switch expression["operator"]?.string {
      case "In": parts.append("\(key) in (\(values))")
      case "NotIn": parts.append("\(key) notin (\(values))")
      case "Exists": parts.append(key)
      case "DoesNotExist": parts.append("!\(key)")
      default: return nil
      }
    }
    return parts.isEmpty ? nil : parts.sorted().joined(separator: ",")
  }
}

extension LabelSelector {
  /// Whether a selector selects an object of these labels; one without any rule selects all.
  package static func selects(_ selector: JSONValue?, _ labels: [String: String]) -> Bool {
    let isEqual = (selector?["matchLabels"]?.object ?? []).allSatisfy {
      $0.value.string == labels[$0.name]
    }
    return isEqual
      && (selector?["matchExpressions"]?.array ?? []).allSatisfy { expression in
        let value = labels[expression["key"]?.string ?? ""]
        let values = (expression["values"]?.array ?? []).compactMap(\.string)
        switch expression["operator"]?.string {
        case "In": return value.map(values.contains) ?? false
        case "NotIn": return value.map { !values.contains($0) } ?? true
        case "Exists": return value != nil
        case "DoesNotExist": return value == nil
        default: return false
        }
      }
  }
}
