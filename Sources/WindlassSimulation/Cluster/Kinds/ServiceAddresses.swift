import WindlassWire

/// The addresses of Services. In the simulated cluster they are ones of 127.0.0.0/8, so that
/// whoever plays the cluster's network can listen there.
extension SimulatedAPIServer {
  /// Gives a new Service an address, and each of its ports where it leads to.
  mutating func prepareNewService(_ object: inout JSONValue) {
    leadPorts(of: &object)
    object.set(["loadBalancer": .object([])], at: ["status"])
    guard object.at("spec", "type") != "ExternalName" else { return }
    if object.at("spec", "clusterIP") == nil {
      object.set(.string(freeServiceAddress()), at: ["spec", "clusterIP"])
    }
    if let address = object.at("spec", "clusterIP") {
      object.set([address], at: ["spec", "clusterIPs"])
    }
    for (name, value) in [
      ("ipFamilies", JSONValue.array(["IPv4"])), ("ipFamilyPolicy", "SingleStack"),
      ("internalTrafficPolicy", "Cluster"),
    ] where object.at("spec", name) == nil {
      object.set(value, at: ["spec", name])
    }
  }

  private func freeServiceAddress() -> String {
    let taken = Set(
      store.objects(of: "services", namespace: nil).compactMap {
        $0.object.at("spec", "clusterIP")?.string
      })
    let (second, third) = serviceNetwork
    for number in 0..<254 * 64 {
      let address = "127.\(second).\(Int(third) + number / 254).\(1 + number % 254)"
      if !taken.contains(address) { return address }
    }
    return "None"
  }

  /// A changed Service with what a client leaves out because the server has given it.
  func keepingAddress(_ wanted: JSONValue, _ live: JSONValue) -> JSONValue {
    var object = wanted
    for name in [
      "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy",
    ]
    where object.at("spec", name) == nil {
      object.set(live.at("spec", name), at: ["spec", name])
    }
    leadPorts(of: &object)
    return object
  }

  /// Lets each port that says nothing else lead to the same number.
  private func leadPorts(of object: inout JSONValue) {
    let ports = (object.at("spec", "ports")?.elements ?? []).map { port in
      var port = port
      if port["targetPort"] == nil { port[member: "targetPort"] = port["port"] }
      return port
    }
    if !ports.isEmpty { object.set(.array(ports), at: ["spec", "ports"]) }
  }
}
